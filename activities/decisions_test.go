package activities

// These decisions have tables of their own, and no name outside the package.

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/provider"
)

func TestADeliveryIsDoneOnceThePairNeedsThisWorkerNoLonger(t *testing.T) {
	const late = true
	for _, c := range []struct {
		name           string
		state          delivery
		needsEscrow    bool
		done, doneLate bool
	}{
		{"neither has it, and both may take it", delivery{wanted: true, storable: true}, true, false, false},
		{"Temporal no longer wants it, the vault has not taken it", delivery{storable: true}, true, false, false},
		{"the vault has it, Temporal may still take it", delivery{wanted: true, storable: true, escrowed: true}, false, false, true},
		{"the vault has it, Temporal no longer wants it", delivery{storable: true, escrowed: true}, false, true, true},
		{"another user's, Temporal may still take it", delivery{wanted: true}, false, false, true},
		{"another user's, Temporal no longer wants it", delivery{}, false, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.needsEscrow, c.state.needsEscrow())
			require.Equal(t, c.done, c.state.done(!late))
			require.Equal(t, c.doneLate, c.state.done(late))
		})
	}
}

func TestRefreshError(t *testing.T) {
	const inWindow = true
	for _, c := range []struct {
		name      string
		kind      provider.Kind
		mayReplay bool
		want      string
		final     bool
		mayBeDead bool
	}{
		{"dead grant", provider.InvalidGrant, !inWindow, InvalidGrant, true, false},
		{"dead grant in the replay window", provider.InvalidGrant, inWindow, InvalidGrant, true, false},
		{"client", provider.InvalidClient, !inWindow, InvalidClient, true, false},
		{"client in the replay window", provider.InvalidClient, inWindow, providerNotReady, false, false},
		{"request", provider.RequestRejected, !inWindow, ProbablyDead, true, true},
		{"request in the replay window", provider.RequestRejected, inWindow, providerNotReady, false, true},
		{"unexpected, and perhaps a dead grant", provider.Unexpected, !inWindow, ProbablyDead, true, true},
		{"unexpected, and perhaps a dead grant, in the replay window", provider.Unexpected, inWindow, providerNotReady, false, true},
		{"an error in a success", provider.Malformed, !inWindow, ProbablyDead, true, true},
		{"retired", provider.ProviderRetired, !inWindow, ProviderRetired, true, false},
		{"retired in the replay window", provider.ProviderRetired, inWindow, providerNotReady, false, false},
		{"outage", provider.Unavailable, !inWindow, providerNotReady, false, false},
		{"no answer", provider.Unreachable, !inWindow, providerNotReady, false, false},
		{"rate limit", provider.RateLimited, !inWindow, providerNotReady, false, false},
		{"malformed", provider.Malformed, !inWindow, providerNotReady, false, false},
		{"unexpected", provider.Unexpected, !inWindow, providerNotReady, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			refusal := &provider.Failure{Provider: "fitbit", Kind: c.kind, Status: 403, Detail: "no words", MayBeDead: c.mayBeDead, RetryAfter: 7 * time.Second, Fix: "do this"}
			err := refreshError(refusal, c.mayReplay, 9*time.Second)
			failure, ok := errors.AsType[*temporal.ApplicationError](err)
			require.True(t, ok)
			require.Equal(t, c.want, failure.Type())
			require.Equal(t, c.final, failure.NonRetryable())
			require.Equal(t, refusal.Error(), failure.Message())
			if c.final {
				require.Equal(t, "do this", Fix(err))
				require.Equal(t, "403 Forbidden, no words", Answer(err))
			} else {
				require.Equal(t, 9*time.Second, failure.NextRetryDelay())
			}
		})
	}
}

func TestFixIsEmptyWhereAFailureCarriesNone(t *testing.T) {
	for name, err := range map[string]error{
		"none":                nil,
		"of the SDK":          temporal.NewTimeoutError(1, nil),
		"of an older version": fail(InvalidGrant, errors.New("refused")),
	} {
		t.Run(name, func(t *testing.T) { require.Empty(t, Fix(err)) })
	}
}
