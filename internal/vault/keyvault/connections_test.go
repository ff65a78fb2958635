package keyvault_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheVaultHas256ConnectionsAtMost(t *testing.T) {
	t.Parallel()
	for range 5 {
		if peak, inTime := connectionsOf(t, 300, 256); inTime {
			require.Equal(t, 256, peak)
			return
		}
	}
	require.FailNow(t, "the vault never had all of them in time")
}

// connectionsOf is how many of so many requests a vault has at a time that answers none
// before it has most of them. It says nothing where one is given up before, on a machine that
// is starved: the vault learns of that later than the client opens the next connection.
func connectionsOf(t *testing.T, requests, most int) (atOnce int, inTime bool) {
	var (
		mu                  sync.Mutex
		inside, peak        int
		full, late, release = make(chan struct{}), make(chan struct{}), make(chan struct{})
	)
	filled, givenUp := sync.OnceFunc(func() { close(full) }), sync.OnceFunc(func() { close(late) })
	_, c := hostileOver(t, false, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		inside++
		if peak = max(peak, inside); inside == most {
			filled()
		}
		mu.Unlock()
		select {
		case <-release:
		case <-r.Context().Done():
			givenUp()
		}
		mu.Lock()
		inside--
		mu.Unlock()
		w.WriteHeader(http.StatusNotFound)
	})
	var all sync.WaitGroup
	for range requests {
		all.Go(func() { _, _ = c.Get(t.Context(), name, "") })
	}
	select {
	case <-full:
		select {
		case <-late:
		case <-time.After(time.Second): // for those that wait to come as well
			inTime = true
		}
	case <-late:
	}
	mu.Lock()
	atOnce = peak
	mu.Unlock()
	close(release)
	all.Wait()
	return atOnce, inTime
}
