package keyvault_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/pace"
	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// refusals are a pace that lets everything through.
type refusals struct {
	*pace.Limiter
	times, longest atomic.Int64
}

func (r *refusals) Throttled(wait time.Duration) {
	r.times.Add(1)
	r.longest.Store(max(r.longest.Load(), int64(wait)))
}

// A call that is repeated and succeeds has met the limit as well, and shows no error.
func TestEachRefusalForTooManyCallsIsPassedOn(t *testing.T) {
	server, err := sim.Start(sim.Options{})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	p := &refusals{}
	c := emulator(t, server.URL(), keyvault.Options{RootCAs: trust(t, server), Pace: p})
	server.Inject(sim.Fault{Kind: sim.Throttled, Operation: sim.OpSet, Times: 1, RetryAfter: time.Second})
	_, err = c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.NoError(t, err)
	require.EqualValues(t, 1, p.times.Load())
	require.EqualValues(t, time.Second, p.longest.Load())
}

// Many stores that were held up come at the same moment.
func TestTheVaultIsAskedForNoMoreVersionsThanItTakes(t *testing.T) {
	server, err := sim.Start(sim.Options{CreationLimit: sim.Creations})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	limiter := pace.New(26)
	c := emulator(t, server.URL(), keyvault.Options{RootCAs: trust(t, server), Pace: limiter})
	const asked = 400
	var refused atomic.Int64
	create := func(ctx context.Context) {
		_, err := c.Set(ctx, name, token.NewSecret(value), vault.Properties{})
		if err != nil {
			assert.ErrorIs(t, err, vault.ErrThrottled)
			assert.ErrorContains(t, err, "this worker has created its share of ten seconds' versions")
			refused.Add(1)
		}
	}
	var all sync.WaitGroup
	for range asked {
		all.Go(func() { create(t.Context()) })
	}
	all.Wait()
	counts := server.Counts()
	require.Zero(t, counts.Throttled)
	require.EqualValues(t, asked, refused.Load()+int64(counts.ByOperation[sim.OpSet]))
	require.Greater(t, counts.ByOperation[sim.OpSet], 260)

	refused.Store(0)
	create(pace.Urgently(t.Context()))
	require.Zero(t, refused.Load(), "a value that is nowhere else waits for nothing")
}
