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
	const most, requests = 256, 300
	var (
		mu            sync.Mutex
		inside, peak  int
		full, release = make(chan struct{}), make(chan struct{})
	)
	_, c := hostileOver(t, false, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		inside++
		if peak = max(peak, inside); inside == most {
			close(full)
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
	require.Never(t, func() bool { mu.Lock(); defer mu.Unlock(); return peak > most }, time.Second, 10*time.Millisecond)
	close(release)
	all.Wait()
	require.Equal(t, most, peak)
}
