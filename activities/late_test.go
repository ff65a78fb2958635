package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/vault"
)

func TestAnAttemptThatComesTooLateSendsNothing(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	requireFailure(t, s.call(attempt{deadline: time.Now()}, loaded), "AttemptTooLate", false)
	require.Empty(t, s.provider.Events("USER-1"))
}

func TestACallThatWaitedForAWorkerFirstLooksForAnEscrowedPair(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	_, err := s.store(s.issued())
	require.NoError(t, err)
	requireFailure(t, s.call(attempt{asked: time.Minute}, loaded), activities.GrantAdvanced, true)
}

func TestAVaultThatCannotBeLookedIntoHoldsUpOnlyACallThatNoReplayCanSave(t *testing.T) {
	for _, c := range []struct {
		name   string
		window time.Duration
		asked  time.Duration
		goesOn bool
	}{
		{"inside the replay window", 2 * time.Minute, 30 * time.Second, true},
		{"after it", 2 * time.Minute, 3 * time.Minute, false},
		{"at a provider without replay", 0, 30 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			loaded := s.mustLoad()
			loaded.ReplayWindow = c.window
			s.refuseWhile("get", "RefreshToken", vault.ErrUnavailable, func() bool { return true })
			err := s.call(attempt{number: 2, asked: c.asked}, loaded)
			if c.goesOn {
				require.ErrorIs(t, err, activity.ErrResultPending)
				return
			}
			requireFailure(t, err, "VaultNotReady", false)
			require.Empty(t, s.provider.Events("USER-1"))
		})
	}
}

func TestAPassingRefusalInsideTheReplayWindowIsNotFinal(t *testing.T) {
	for _, c := range []struct {
		name  string
		at    attempt
		final bool
	}{
		{"the first attempt", attempt{}, true},
		{"a further one inside the window", attempt{number: 2, asked: 30 * time.Second}, false},
		{"a further one after it", attempt{number: 9, asked: 3 * time.Minute}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			loaded := s.mustLoad()
			require.NoError(t, s.provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.InvalidClient}))
			err := s.call(c.at, loaded)
			if c.final {
				requireFailure(t, err, activities.InvalidClient, true)
				return
			}
			requireFailure(t, err, "ProviderNotReady", false)
		})
	}
}
