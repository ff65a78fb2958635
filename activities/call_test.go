package activities_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestARefusalIsFinalOnlyWhereOnlyAnOperatorCanHelp(t *testing.T) {
	status := func(code int) authserver.Fault { return authserver.Fault{Answer: authserver.Status, Status: code} }
	for _, c := range []struct {
		name  string
		fault authserver.Fault
		kind  string
		final bool
	}{
		{"connection reset before the provider committed", authserver.Fault{Answer: authserver.Reset}, "ProviderNotReady", false},
		{"connection reset after it", authserver.Fault{Answer: authserver.Reset, Commit: true}, "ProviderNotReady", false},
		{"500", status(500), "ProviderNotReady", false},
		{"503", status(503), "ProviderNotReady", false},
		{"429", status(429), "ProviderNotReady", false},
		{"a 403 of an unknown sender", status(403), "ProviderNotReady", false},
		{"broken JSON", authserver.Fault{Answer: authserver.Malformed, Commit: true}, "ProviderNotReady", false},
		{"HTML", authserver.Fault{Answer: authserver.HTML, Commit: true}, "ProviderNotReady", false},
		{"truncated", authserver.Fault{Answer: authserver.Truncated}, "ProviderNotReady", false},
		{"no tokens", authserver.Fault{Answer: authserver.NoTokens, Commit: true}, "ProviderNotReady", false},
		{"empty tokens", authserver.Fault{Answer: authserver.EmptyTokens, Commit: true}, "ProviderNotReady", false},
		{"invalid_client", authserver.Fault{Answer: authserver.InvalidClient}, activities.InvalidClient, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			loaded := s.mustLoad()
			spent := s.held()
			require.NoError(t, s.provider.Inject(c.fault))
			message := requireFailure(t, s.call(attempt{}, loaded), c.kind, c.final)
			require.Contains(t, message, "provider: refresh at fitbit")
			require.Equal(t, spent, s.held(), "nothing is stored")
			require.Zero(t, s.temporal.timesAsked())
			if !c.final {
				// Nothing is lost: the next attempt, inside the replay window, has the pair.
				require.ErrorIs(t, s.call(attempt{number: 2}, loaded), activity.ErrResultPending)
				require.Equal(t, s.provider.Audit("USER-1").Live, s.temporal.last().Provenance.Fingerprint)
				require.Equal(t, 1, s.provider.Audit("USER-1").Generation)
			}
		})
	}
}

func TestAProviderThatHasEndedItsAPIIsNamedWithItsSuccessor(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	s.provider.Retire()
	message := requireFailure(t, s.call(attempt{}, loaded), activities.ProviderRetired, true)
	require.Contains(t, message, "google-health")
}

func TestTheProvidersOwnErrorCodesDecide(t *testing.T) {
	for code, want := range map[string]struct {
		kind  string
		final bool
	}{
		"invalid_grant":       {activities.InvalidGrant, true},
		"invalid_client":      {activities.InvalidClient, true},
		"unauthorized_client": {activities.InvalidClient, true},
		"invalid_request":     {activities.ProbablyDead, true},
		"system":              {"ProviderNotReady", false},
		"something else":      {"ProviderNotReady", false},
	} {
		t.Run(code, func(t *testing.T) {
			// Like the real one it repeats in its message whatever it was sent.
			s := newSystemWith(t, setup{tokenURL: answering(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(w, `{"errors":[{"errorType":%q,"message":"invalid: %s %s"}],"success":false}`, code, r.FormValue("refresh_token"), r.Header.Get("Authorization"))
			})})
			requireFailure(t, s.call(attempt{}, s.mustLoad()), want.kind, want.final)
		})
	}
}

// answering is the URL of a token endpoint of the test's own.
func answering(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

// told is the word of an attempt that sent the only request, so long ago.
func told(attempt int, ago time.Duration) map[string]any {
	at := time.Now().Add(-ago)
	return map[string]any{"attempt": attempt, "first": at, "last": at, "said": at}
}

// Fitbit repeats its answer for two minutes, and any answer but the pair may have been a
// gateway's.
func TestTheWaitThatAProviderAsksForIsKeptWithinTheReplayWindow(t *testing.T) {
	outside := attempt{number: 9, asked: 10 * time.Minute, told: told(8, 10*time.Minute)}
	for _, c := range []struct {
		name  string
		at    attempt
		fault authserver.Fault
		wait  time.Duration
	}{
		{"Retry-After", attempt{}, authserver.Fault{Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(7 * time.Second)}, 7 * time.Second},
		{"Retry-After of an outage, beyond half of the window", attempt{}, authserver.Fault{Answer: authserver.Status, Status: 503, RetryAfter: authserver.Duration(90 * time.Second)}, time.Minute},
		{"the rate limit's reset, beyond the window", attempt{}, authserver.Fault{Answer: authserver.Status, Status: 429, RateLimitReset: authserver.Duration(20 * time.Minute)}, time.Minute},
		{"half of the window has passed", attempt{number: 5, asked: time.Minute}, authserver.Fault{Answer: authserver.Status, Status: 429, RateLimitReset: authserver.Duration(20 * time.Minute)}, 30 * time.Second},
		{"an outage, outside: it may have opened another one", outside, authserver.Fault{Answer: authserver.Status, Status: 503, RetryAfter: authserver.Duration(90 * time.Second)}, 30 * time.Second},
		{"a rate limit, outside", outside, authserver.Fault{Answer: authserver.Status, Status: 429, RateLimitReset: authserver.Duration(20 * time.Minute)}, 20 * time.Minute},
		{"no answer, outside: it may have opened another one", attempt{number: 20, asked: 10 * time.Minute, told: told(19, 10*time.Minute)}, authserver.Fault{Answer: authserver.Reset, Commit: true}, 30 * time.Second},
		{"no wish", attempt{}, authserver.Fault{Answer: authserver.Status, Status: 502}, time.Second},
		{"no wish, a later attempt", attempt{number: 4, asked: 5 * time.Second}, authserver.Fault{Answer: authserver.Status, Status: 502}, 3375 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			require.NoError(t, s.provider.Inject(c.fault))
			began := time.Now()
			err := s.call(c.at, s.mustLoad())
			requireFailure(t, err, "ProviderNotReady", false)
			requireDelay(t, began, c.wait, err)
		})
	}
}

// requireDelay demands the pause before the next attempt, less at most what the test has
// taken since it began.
func requireDelay(t *testing.T, began time.Time, want time.Duration, err error) {
	t.Helper()
	delay := delayOf(t, err)
	require.GreaterOrEqual(t, delay, want-time.Since(began))
	require.LessOrEqual(t, delay, want+time.Second/2)
}

func delayOf(t *testing.T, err error) time.Duration {
	t.Helper()
	var failure *temporal.ApplicationError
	require.ErrorAs(t, err, &failure)
	return failure.NextRetryDelay()
}

func TestACancelledAttemptDoesNotAbandonItsRequest(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	require.NoError(t, s.provider.Inject(authserver.Fault{Hold: true}))
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan error, 1)
	go func() { called <- s.call(attempt{ctx: ctx}, loaded) }()
	eventually(t, func() bool { return s.provider.Held("") == 1 })
	cancel()
	require.Equal(t, 1, s.provider.Release(""), "the request is still waiting for its answer")
	require.ErrorIs(t, <-called, activity.ErrResultPending)
	require.Equal(t, s.provider.Audit("USER-1").Live, s.temporal.last().Provenance.Fingerprint)
}

func TestAFurtherAttemptFirstChecksForAnEscrowedPair(t *testing.T) {
	escrowed := func(t *testing.T) (*system, activities.LoadResult) {
		s := newSystem(t)
		loaded := s.mustLoad()
		s.temporal.answer = always(gone)
		requireFailure(t, s.call(attempt{}, loaded), "NoWordFromTemporal", false)
		s.temporal.answer = nil
		return s, loaded
	}
	t.Run("and does not present a spent token", func(t *testing.T) {
		s, loaded := escrowed(t)
		message := requireFailure(t, s.call(attempt{number: 2}, loaded), activities.GrantAdvanced, true)
		require.Equal(t, "the vault already holds generation 1 of fitbit/default, so generation 0 is not presented again", message)
		require.Equal(t, 1, s.provider.Stats().Total.Calls[authserver.Token])
	})
	t.Run("but the replay window does not wait for the vault", func(t *testing.T) {
		s, loaded := escrowed(t)
		s.refuse("get", "RefreshToken", vault.ErrUnavailable)
		require.ErrorIs(t, s.call(attempt{number: 2}, loaded), activity.ErrResultPending)
		require.Equal(t, 1, s.provider.Stats().Total.Replays)
		require.Contains(t, s.said.String(), "cannot look for an escrowed pair")
	})
	t.Run("and goes on where there is none", func(t *testing.T) {
		s := newSystem(t)
		loaded := s.mustLoad()
		require.ErrorIs(t, s.call(attempt{}, loaded), activity.ErrResultPending)
		require.ErrorIs(t, s.call(attempt{number: 2}, loaded), activity.ErrResultPending)
		require.Equal(t, 1, s.provider.Stats().Total.Replays)
	})
	t.Run("and a first attempt does not check", func(t *testing.T) {
		s := newSystem(t)
		loaded := s.mustLoad()
		s.refuse("get", "RefreshToken", vault.ErrUnavailable)
		require.ErrorIs(t, s.call(attempt{}, loaded), activity.ErrResultPending)
	})
}

func TestAGrantThatWasLoadedBeforeAResetIsNotSpent(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	message := requireFailure(t, s.call(attempt{run: "run-2"}, loaded), activities.GrantOutdated, true)
	require.Equal(t, "generation 0 of fitbit/default was loaded by run run-1, before a reset, and is loaded again", message)
	require.Zero(t, s.provider.Stats().Total.Calls[authserver.Token])
}

func TestAProviderThatDoesNotRotateKeepsTheProvenance(t *testing.T) {
	for name, again := range map[string]string{"an answer without a refresh token": "", "an answer with the same one": `,"refresh_token":"` + canary + `google"`} {
		t.Run(name, func(t *testing.T) {
			s := newSystemWith(t, setup{entries: "  google-health:\n    token_url: " + answering(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprint(w, `{"access_token":"`+canary+`access","expires_in":3600,"token_type":"Bearer"`+again+`}`)
			}) + "\n"})
			s.vault.Put("GoogleHealth-RefreshToken", canary+"google")
			s.vault.Put("GoogleHealthCredentials", credentials)
			loaded, err := perform[activities.LoadResult](s, attempt{}, "LoadSecrets", activities.LoadInput{Account: token.Account{Provider: "google-health", Name: "default"}})
			require.NoError(t, err)
			_, err = perform[activities.RefreshResult](s, attempt{}, "CallGoogleHealth", loaded)
			require.ErrorIs(t, err, activity.ErrResultPending)
			called := s.temporal.last()
			require.False(t, called.Rotated)
			require.Equal(t, loaded.Provenance, called.Provenance)

			stored, err := s.store(called)
			require.NoError(t, err)
			require.False(t, stored.Superseded)
			require.Len(t, s.vault.All("GoogleHealth-RefreshToken"), 1, "the refresh token stays as it is")
			require.Equal(t, canary+"access", s.vault.All("GoogleHealth-AccessToken")[0].Value.Reveal())
		})
	}
}

func TestAGrantThatDoesNotOpenIsNotSpent(t *testing.T) {
	for name, spoil := range map[string]func(*activities.LoadResult){
		"altered":               func(l *activities.LoadResult) { l.Grant[len(l.Grant)-1] ^= 1 },
		"of another generation": func(l *activities.LoadResult) { l.Provenance.Generation++ },
		"of another token":      func(l *activities.LoadResult) { l.Provenance.Fingerprint = "0123456789abcdef" },
		"empty":                 func(l *activities.LoadResult) { l.Grant = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			loaded := s.mustLoad()
			spoil(&loaded)
			requireFailure(t, s.call(attempt{}, loaded), activities.UnexpectedResult, true)
			require.Zero(t, s.provider.Stats().Total.Calls[authserver.Token])
		})
	}
}

func TestAKeysetThatIsAwayIsWaitedForBeforeAnythingIsSpent(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	s.refuse("get", "TokenKeeperKeyset", vault.ErrUnavailable)
	s.coldKeyring()
	requireFailure(t, s.call(attempt{}, loaded), "VaultNotReady", false)
	require.Zero(t, s.provider.Stats().Total.Calls[authserver.Token])
}

func TestAnAttemptThatComesTooLateSendsNothing(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	requireFailure(t, s.call(attempt{deadline: time.Now}, loaded), "AttemptTooLate", false)
	require.Empty(t, s.provider.Events("USER-1"))
}

func TestACallThatWaitedForAWorkerFirstChecksForAnEscrowedPair(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	_, err := s.store(s.issued())
	require.NoError(t, err)
	requireFailure(t, s.call(attempt{asked: time.Minute}, loaded), activities.GrantAdvanced, true)
}

func TestACallOfATokenThatOtherRunsMayHaveSpentLooksOnceMoreForASuccessor(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	loaded.MayHaveSpent = []vault.Intent{{RunID: "other", At: time.Now()}}
	_, err := s.store(s.issued())
	require.NoError(t, err)
	requireFailure(t, s.call(attempt{}, loaded), activities.GrantAdvanced, true)
	require.Equal(t, 1, s.provider.Stats().Total.Calls[authserver.Token], "only the call that issued the successor")

	s.refuse("get", "RefreshToken", vault.ErrUnavailable)
	require.ErrorIs(t, s.call(attempt{}, loaded), activity.ErrResultPending, "the replay window does not wait for the vault")
}

func TestAVaultThatCannotBeReadHoldsUpOnlyACallThatNoReplayCanSave(t *testing.T) {
	for _, c := range []struct {
		name   string
		window time.Duration
		asked  time.Duration
		told   any
		goesOn bool
	}{
		{"inside the replay window", 2 * time.Minute, 30 * time.Second, nil, true},
		{"inside one that a worker that was killed may have opened", 2 * time.Minute, 3 * time.Minute, nil, true},
		{"after it", 2 * time.Minute, 3 * time.Minute, told(1, 3*time.Minute), false},
		{"at a provider without replay", 0, 30 * time.Second, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			loaded := s.mustLoad()
			loaded.ReplayWindow = c.window
			s.refuseWhile("get", "RefreshToken", vault.ErrUnavailable, func() bool { return true })
			err := s.call(attempt{number: 2, asked: c.asked, told: c.told}, loaded)
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
		{"a further one after it", attempt{number: 9, asked: 3 * time.Minute, told: told(8, 3*time.Minute)}, true},
		{"after an attempt that may have opened another one", attempt{number: 10, asked: 3 * time.Minute, told: told(8, 3*time.Minute)}, false},
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
