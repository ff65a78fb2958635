package activities_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestAPairThatTemporalTookIsNotInTheVaultYet(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	spent := s.held()
	require.ErrorIs(t, s.call(attempt{}, loaded), activity.ErrResultPending)

	require.Equal(t, spent, s.held(), "the vault is StoreSecrets' business")
	require.Empty(t, s.vault.All("AccessToken"))
	require.Equal(t, []string{"history"}, s.metrics.durable)
	require.Equal(t, []string{"ok"}, s.metrics.answered)
	require.Zero(t, s.metrics.escrowed)

	called := s.temporal.last()
	require.Equal(t, loaded.Provenance.Next(s.provider.Audit("USER-1").Live), called.Provenance)
	require.True(t, called.Rotated)
	require.Equal(t, account, called.Account)
	require.Equal(t, "USER-1", called.UserID)
	require.Contains(t, called.Scopes, "sleep")
	require.WithinDuration(t, time.Now().Add(8*time.Hour), called.Expiry, time.Minute)
	require.NotContains(t, string(called.Pair), canary)
}

func TestAPairWithoutTemporalsWordIsEscrowed(t *testing.T) {
	t.Parallel() // it waits for a deadline
	t.Run("and goes on asking, until Temporal has answered", func(t *testing.T) {
		s := newSystem(t)
		s.temporal.answer = func(n int) error {
			if n < 4 {
				return noAnswer
			}
			return nil
		}
		require.ErrorIs(t, s.call(attempt{}, s.mustLoad()), activity.ErrResultPending)
		s.requireHeldIsLive()
		require.Equal(t, 4, s.temporal.timesAsked())
		require.Len(t, s.vault.All("RefreshToken"), 2, "one escrow is enough")
		require.Equal(t, []string{"vault"}, s.metrics.durable, "the second copy is not the first durable one")
		require.Equal(t, 1, s.metrics.escrowed)
	})
	t.Run("and is dropped when the attempt's time is over", func(t *testing.T) {
		s := newSystem(t)
		s.temporal.answer = always(noAnswer)
		err := s.call(attempt{deadline: soon, unheard: true}, s.mustLoad())
		require.Equal(t, "Temporal gave no word for generation 1 of fitbit/default; it is in the vault",
			requireFailure(t, err, "NoWordFromTemporal", false))
		s.requireHeldIsLive()
	})
	t.Run("and Temporal is not asked again once it no longer waits", func(t *testing.T) {
		s := newSystem(t)
		s.temporal.answer = always(gone)
		requireFailure(t, s.call(attempt{}, s.mustLoad()), "NoWordFromTemporal", false)
		s.requireHeldIsLive()
		require.Equal(t, 1, s.temporal.timesAsked())
	})
}

// requireHeldIsLive demands that the vault holds the grant that is in force.
func (s *system) requireHeldIsLive() {
	s.t.Helper()
	require.True(s.t, s.provider.IsLive(s.held()), "the vault must hold the live refresh token")
	require.Len(s.t, s.vault.All("AccessToken"), 1)
}

func TestAPairThatNeitherTakesIsNeverDropped(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(n int) error
		// away is how many writes the vault refuses.
		away     int32
		err      error
		inVault  bool
		durable  string
		askedFor int
	}{
		{name: "Temporal takes it first", answer: func(n int) error {
			if n < 3 {
				return noAnswer
			}
			return nil
		}, away: 1000, err: activity.ErrResultPending, durable: "history", askedFor: 3},
		{name: "the vault takes it first", answer: func(n int) error {
			if n < 5 {
				return noAnswer
			}
			return nil
		}, away: 2, err: activity.ErrResultPending, inVault: true, durable: "vault", askedFor: 5},
		{name: "Temporal no longer wants it, the vault takes it in the end", answer: always(gone), away: 3, inVault: true, durable: "vault", askedFor: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			loaded := s.mustLoad()
			spent := s.held()
			var refused atomic.Int32
			s.refuseWhile("set", "RefreshToken", vault.ErrUnavailable, func() bool { return refused.Add(1) <= c.away })
			s.temporal.answer = c.answer
			err := s.call(attempt{}, loaded)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
			} else {
				requireFailure(t, err, "NoWordFromTemporal", false)
			}
			require.Equal(t, c.inVault, s.held() != spent)
			require.Equal(t, []string{c.durable}, s.metrics.durable)
			require.Equal(t, c.askedFor, s.temporal.timesAsked())
			require.Contains(t, s.said.String(), "neither Temporal nor the vault takes the pair")
		})
	}
}

func TestDrainWaitsForAPairThatNeitherHasTaken(t *testing.T) {
	t.Parallel() // it waits for a deadline
	s := newSystem(t)
	loaded := s.mustLoad()
	var mended atomic.Bool
	s.refuseWhile("set", "", vault.ErrUnavailable, func() bool { return !mended.Load() })
	s.temporal.answer = always(noAnswer)

	called := make(chan error, 1)
	go func() { called <- s.call(attempt{deadline: soon, unheard: true}, loaded) }()
	eventually(t, func() bool { return s.temporal.timesAsked() >= 1 })
	drained := make(chan struct{})
	go func() {
		s.Drain()
		close(drained)
	}()
	rounds := s.temporal.timesAsked()
	eventually(t, func() bool { return s.temporal.timesAsked() >= rounds+2 })
	select {
	case <-drained:
		t.Fatal("drained while neither had the pair")
	default:
	}
	mended.Store(true)
	requireFailure(t, <-called, "NoWordFromTemporal", false)
	<-drained
	s.requireHeldIsLive()
}

// soon is a deadline that can be waited for. It leaves seven seconds to a request.
func soon() time.Time { return time.Now().Add(10 * time.Second) }

// patience is for what happens in the end; a machine that is starved takes its time.
const patience = 2 * time.Minute

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 5*time.Millisecond)
}

func TestDrainDoesNotWaitForNothing(t *testing.T) {
	newSystem(t).Drain()
}

func TestAnotherUsersTokensAreNeverEscrowed(t *testing.T) {
	t.Parallel() // it waits for a deadline
	for name, at := range map[string]attempt{
		"Temporal no longer waits":   {},
		"the attempt's time is over": {deadline: soon, unheard: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			_, err := s.store(s.issued())
			require.NoError(t, err)
			loaded := s.mustLoad() // knows the user from here on
			good := s.held()
			loaded.UserID = "USER-2"
			s.temporal.answer = always(gone)
			if at.deadline != nil {
				s.temporal.answer = always(noAnswer)
			}
			message := requireFailure(t, s.call(at, loaded), "NoWordFromTemporal", false)
			require.Equal(t, "Temporal gave no word for generation 2 of fitbit/default; it is for user USER-1, who is not the one whose token was spent, and was not stored", message)
			require.Equal(t, good, s.held())
			require.Zero(t, s.metrics.escrowed)
		})
	}
}

func TestAnEscrowDoesNotGoOverANewConsent(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	consented, _ := s.provider.CreateGrant("USER-2")
	s.temporal.answer = func(int) error {
		s.vault.Put("RefreshToken", consented)
		return gone
	}
	requireFailure(t, s.call(attempt{}, loaded), "NoWordFromTemporal", false)
	require.Equal(t, token.NewSecret(consented).Fingerprint(), token.NewSecret(s.held()).Fingerprint())
}
