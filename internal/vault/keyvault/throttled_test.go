package keyvault_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// A call that is repeated and succeeds has met the limit as well, and shows no error.
func TestEachRefusalForTooManyCallsIsPassedOn(t *testing.T) {
	server, err := sim.Start(sim.Options{})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	var times, longest atomic.Int64
	c := emulator(t, server.URL(), keyvault.Options{RootCAs: trust(t, server), Throttled: func(wait time.Duration) {
		times.Add(1)
		longest.Store(max(longest.Load(), int64(wait)))
	}})
	server.Inject(sim.Fault{Kind: sim.Throttled, Operation: sim.OpSet, Times: 1, RetryAfter: time.Second})
	_, err = c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.NoError(t, err)
	require.EqualValues(t, 1, times.Load())
	require.EqualValues(t, time.Second, longest.Load())
}
