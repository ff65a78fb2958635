package activities_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/vault"
)

// halfAPair is a token endpoint that answers every refresh with half a pair.
func halfAPair(t *testing.T, entries string) setup {
	return setup{entries: entries, tokenURL: answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"access_token":"%snext","expires_in":28800}`, canary)
	})}
}

func TestAnIssuedPairThatCannotBeHadIsNotAskedForWhereAReuseEndsTheGrant(t *testing.T) {
	const window = "    replay_window: 2m\n"
	for _, c := range []struct {
		name    string
		entries string
		at      attempt
		kind    string
		final   bool
	}{
		{"a reuse ends the grant", "    reuse: revokes-grant\n" + noReplay, attempt{}, activities.AnswerLost, true},
		{"a reuse ends the grant, inside the window", "    reuse: revokes-grant\n" + window, attempt{}, "ProviderNotReady", false},
		{"a reuse is refused", "    reuse: refused\n" + noReplay, attempt{}, "ProviderNotReady", false},
		{"what a reuse does is unknown", noReplay, attempt{}, "ProviderNotReady", false},
		{"the window has closed since", "    reuse: revokes-grant\n" + window, attempt{number: 3, asked: time.Hour, told: map[string]any{"attempt": 2, "first": time.Now().Add(-time.Hour), "last": time.Now().Add(-time.Hour), "issued": true}}, activities.AnswerLost, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystemWith(t, halfAPair(t, c.entries))
			requireFailure(t, s.call(c.at, s.mustLoad()), c.kind, c.final)
		})
	}
}

func TestATokenThatAnotherRunHasLoadedSinceIsSearchedForFirst(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries string
		at      attempt
		doubt   bool
	}{
		{"after the window", "", attempt{number: 2, asked: time.Hour}, true},
		{"a first attempt that waited past it", "", attempt{asked: time.Hour}, true},
		{"inside the window", "", attempt{number: 2, asked: time.Minute}, false},
		{"a reuse is refused", "    reuse: refused\n", attempt{number: 2, asked: time.Hour}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystemWith(t, setup{entries: c.entries})
			loaded := s.mustLoad()
			_, err := s.load(attempt{run: "run-2"})
			require.NoError(t, err)
			err = s.call(c.at, loaded)
			if c.doubt {
				require.Equal(t, "run run-2 has loaded generation 0 of fitbit/default since, and may have spent it; what it was issued is searched for first",
					requireFailure(t, err, activities.GrantInDoubt, true))
				require.Empty(t, s.provider.Events("USER-1"), "nothing was presented")
				return
			}
			require.ErrorIs(t, err, activity.ErrResultPending)
		})
	}
}

func TestAFailedCallTellsTheNextAttemptWhenTheWindowOpened(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	began := time.Now()
	first := began.Add(-40 * time.Second)
	told := map[string]any{"attempt": 2, "first": first, "last": first}
	require.NoError(t, s.provider.Inject(authserver.Fault{Answer: authserver.Status, Status: 503, RetryAfter: authserver.Duration(time.Hour)}))
	err := s.call(attempt{number: 3, asked: time.Hour, told: told}, loaded) // an hour without a worker
	requireFailure(t, err, "ProviderNotReady", false)
	requireDelay(t, began, 40*time.Second, err)
	word := wordOf(s, 3)
	require.Equal(t, first.Format(time.RFC3339Nano), word["first"])
	require.NotEqual(t, word["first"], word["last"])
}

// A rate limit that is believed opens no window for the next one either.
func TestARateLimitThatIsBelievedIsNoRequestOfTheNextAttempt(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	began := time.Now()
	first := began.Add(-10 * time.Minute)
	require.NoError(t, s.provider.Inject(authserver.Fault{Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(10 * time.Minute)}))
	err := s.call(attempt{number: 3, asked: 10 * time.Minute, told: map[string]any{"attempt": 2, "first": first, "last": first, "said": first}}, loaded)
	requireDelay(t, began, 10*time.Minute, err)
	require.Equal(t, first.Format(time.RFC3339Nano), wordOf(s, 3)["last"])
}

func TestAnAttemptThatSentNothingSaysSo(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	s.refuse("get", "TokenKeeperKeyset", vault.ErrUnavailable)
	s.coldKeyring()
	began := time.Now()
	err := s.call(attempt{number: 12, asked: 3 * time.Minute, told: map[string]any{"attempt": 11}}, loaded)
	requireFailure(t, err, "VaultNotReady", false)
	requireDelay(t, began, 86497*time.Millisecond, err) // the policy's: no window is open
	word := wordOf(s, 12)
	require.NotContains(t, word, "first")
	require.WithinRange(t, timeIn(t, word, "said"), began, time.Now())
}

// What a worker that was killed may have sent is not forgotten by an attempt after it.
func TestAnAttemptPassesOnWhatOneBeforeItMayHaveSent(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	s.refuse("get", "TokenKeeperKeyset", vault.ErrUnavailable)
	s.coldKeyring()
	began := time.Now()
	requireFailure(t, s.call(attempt{number: 12, asked: time.Hour, told: told(10, time.Hour)}, loaded), "VaultNotReady", false)
	require.WithinRange(t, timeIn(t, wordOf(s, 12), "last"), began.Add(-activities.CallTimeout), time.Now().Add(-activities.CallTimeout))
}

// The provider repeats no answer, so that Temporal expects no heartbeats. After an operator's
// reset an older word would stand otherwise.
func TestWordIsLeftAlsoWhereNoHeartbeatIsExpected(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	require.NoError(t, s.provider.Inject(authserver.Fault{Answer: authserver.Status, Status: 503}))
	requireFailure(t, s.call(attempt{unheard: true, told: unsent(1, time.Now())}, loaded), "ProviderNotReady", false)
	word := wordOf(s, 1)
	require.NotContains(t, word, "unsent")
	require.Contains(t, word, "first")
}

func TestACallThatIsAtItSendsHeartbeats(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	require.NoError(t, s.provider.Inject(authserver.Fault{Hold: true}))
	called := make(chan error, 1)
	go func() { called <- s.call(attempt{}, loaded) }()
	eventually(t, func() bool { return s.provider.Held("") == 1 })
	eventually(t, func() bool { // so that the next attempt knows when the window opened
		heard := s.heard.list()
		return len(heard) > 0 && heard[len(heard)-1]["first"] != nil
	})
	require.Equal(t, 1, s.provider.Release(""))
	require.ErrorIs(t, <-called, activity.ErrResultPending)
}

// An operator has reset the activity. Where this attempt's worker is killed as well, the second
// one must not take the word of before the reset for this one's.
func TestAnAttemptThatWasResetTakesBackTheWordBeforeIt(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	require.NoError(t, s.provider.Inject(authserver.Fault{Hold: true}))
	called := make(chan error, 1)
	go func() { called <- s.call(attempt{told: unsent(1, time.Now())}, loaded) }()
	eventually(t, func() bool { return s.provider.Held("") == 1 })
	eventually(t, func() bool { return len(s.heard.list()) >= 1 })
	require.Equal(t, 1, s.provider.Release(""))
	require.ErrorIs(t, <-called, activity.ErrResultPending)
	for _, word := range s.heard.list() {
		require.NotContains(t, word, "attempt")
		require.NotContains(t, word, "unsent")
	}
}

// The vault hangs, and a quarter of the window must not pass before the request.
func TestAnOpenWindowWaitsForTheVaultOnlyAMoment(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	waits := make(chan time.Duration, 10)
	s.Vault = vault.New(hanging{s.vault, waits})
	require.ErrorIs(t, s.call(attempt{number: 5, asked: 113 * time.Second}, loaded), activity.ErrResultPending)
	require.Len(t, waits, 1)
	require.LessOrEqual(t, <-waits, 7*time.Second/4)
}

// No access token vouches for the refresh token yet, and its listing may be of thousands
// of slow pages.
func TestAFurtherAttemptListsNoVersionsWhereTheCurrentOneIsTheGrants(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	s.refuse("list", "RefreshToken", vault.ErrUnavailable)
	require.ErrorIs(t, s.call(attempt{number: 2, asked: time.Hour, told: told(1, time.Hour)}, loaded), activity.ErrResultPending)
}

// hanging is a vault whose refresh token cannot be read. It says how long each try may wait.
type hanging struct {
	vault.Secrets
	waits chan<- time.Duration
}

func (h hanging) Get(ctx context.Context, name, version string) (vault.Secret, error) {
	deadline, _ := ctx.Deadline()
	h.waits <- time.Until(deadline)
	<-ctx.Done()
	return vault.Secret{}, &vault.Error{Op: "get", Name: name, Kind: vault.ErrUnavailable}
}
