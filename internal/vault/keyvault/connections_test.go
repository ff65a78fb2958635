package keyvault_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheVaultHas256ConnectionsAtMost(t *testing.T) {
	t.Parallel()
	const most, requests = 256, 300
	var (
		mu            sync.Mutex
		inside, peak  int
		full, release = make(chan struct{}), make(chan struct{})
	)
	filled := sync.OnceFunc(func() { close(full) })
	_, c := hostileOver(t, false, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		inside++
		if peak = max(peak, inside); inside == most {
			filled()
		}
		mu.Unlock()
		<-release
		mu.Lock()
		inside--
		mu.Unlock()
		w.WriteHeader(http.StatusNotFound)
	})
	var all sync.WaitGroup
	for range requests {
		all.Go(func() { _, _ = c.Get(t.Context(), name, "") })
	}
	<-full
	over := func() bool { mu.Lock(); defer mu.Unlock(); return peak > most }
	assert.Never(t, over, time.Second, 10*time.Millisecond)
	close(release)
	all.Wait()
	require.Equal(t, most, peak)
}
