package campaign

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestAKilledVaultComesBackWithItsContentAndItsFaults(t *testing.T) {
	v, err := startVault(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.stop()) })

	version, err := v.Put("one-RefreshToken", "fake-1")
	require.NoError(t, err)
	require.Empty(t, v.Versions("other-RefreshToken"))
	v.Inject(keyvault.Fault{Kind: keyvault.Delay, DelayBefore: time.Hour})
	v.ClearFaults()
	v.Inject(keyvault.Fault{Kind: keyvault.Unavailable, DelayAfter: time.Millisecond})
	status := func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url()+"/secrets/one-RefreshToken?api-version=7.6", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer fake")
		answer, err := v.client.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, http.StatusServiceUnavailable, status())

	v.kill()
	written := make(chan error, 1)
	go func() {
		_, err := v.Put("one-RefreshToken", "fake-2")
		written <- err
	}()
	v.Inject(keyvault.Fault{Kind: keyvault.Denied})
	require.NoError(t, v.restart(t.Context()))
	require.NoError(t, <-written, "the write has waited for it")
	require.Equal(t, http.StatusServiceUnavailable, status(), "the first of its faults")

	versions := v.Versions("one-RefreshToken")
	require.Len(t, versions, 2)
	require.Equal(t, version, versions[0].ID)
	require.Equal(t, "fake-2", versions[1].Value)
}
