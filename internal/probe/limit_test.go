package probe_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/probe"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

// limited answers some POSTs as a provider does that limits all calls.
type limited struct {
	presenter
	posts   int
	refuses func(post int) bool
	wait    time.Duration // that it asks for
	life    time.Duration // of an access token; zero for the provider's
}

type presenter interface {
	Present(ctx context.Context, refresh token.Secret) probe.Answer
	Revoke(ctx context.Context, pair token.Pair) error
}

func (l *limited) Present(ctx context.Context, refresh token.Secret) probe.Answer {
	l.posts++
	if l.refuses(l.posts) {
		return probe.Answer{Kind: probe.TooSoon, Failure: &provider.Failure{Kind: provider.RateLimited, Status: 429, RetryAfter: l.wait}}
	}
	return l.presenter.Present(ctx, refresh)
}

// measureLimited measures a provider with a replay window of 2 minutes, which the use of an
// access token does not end. It returns how long that has taken.
func measureLimited(t *testing.T, l *limited, maxWait time.Duration) (found probe.Findings, took time.Duration, err error) {
	t.Helper()
	entry, err := provider.Builtin().Lookup("fitbit")
	require.NoError(t, err)
	fitbit := authserver.Fitbit()
	fitbit.ReplayOutlastsUse = true
	runner, server := simulated(t, authserver.Options{Provider: fitbit, AccessTokenLifetime: l.life}, entry)
	l.presenter, runner.Presenter, runner.MaxWait = runner.Presenter, l, maxWait
	sleep := runner.Sleep
	runner.Sleep = func(ctx context.Context, d time.Duration) error {
		took += d
		return sleep(ctx, d)
	}
	refresh, _ := server.CreateGrant("FAKE01")
	found, err = runner.Run(t.Context(), token.NewSecret(refresh))
	t.Log("\n" + found.Row(entry, true))
	return found, took, err
}

func TestAWaitThatTheProviderAsksForIsBounded(t *testing.T) {
	every3rd := func(post int) bool { return post%3 == 0 }
	found, took, err := measureLimited(t, &limited{refuses: every3rd, wait: 10 * time.Minute}, 5*time.Minute)
	require.ErrorContains(t, err, "the provider wants a pause of 10m0s, and all of them may last no longer than 5m0s")
	require.Less(t, took, 5*time.Minute)
	require.Equal(t, 2, found.Refreshes)

	_, took, err = measureLimited(t, &limited{refuses: every3rd, wait: time.Minute}, 5*time.Minute)
	require.ErrorContains(t, err, "a pause of 1m0s", "the sum is bounded")
	require.LessOrEqual(t, took, 10*time.Minute, "with the waits for the end of the window")
}

// A limit of all calls is none of one token, and what comes after a wait tells nothing.
func TestWhatIsRefusedAfterAWaitIsNotMeasured(t *testing.T) {
	const maxWait = 2 * time.Hour
	for name, c := range map[string]struct {
		refuses func(post int) bool
		want    func(*testing.T, probe.Findings)
	}{
		// Posts 1 and 2 are refreshes, 3 and 4 compare the access tokens, 5 spends a token
		// and 6 presents it once more.
		"once more": {func(post int) bool { return post == 6 }, func(t *testing.T, f probe.Findings) {
			require.Empty(t, f.Repeats, "the window of 2m was over")
			require.Equal(t, provider.Refused, f.Reuse)
			require.Contains(t, f.Notes, "replay_window not measured: the spent token was refused, but only after the provider had it wait 10m0s")
		}},
		// Post 7 spends another one, which 8 presents after a wait.
		"for the window": {func(post int) bool { return post == 8 }, func(t *testing.T, f probe.Findings) {
			require.Equal(t, probe.Same, f.Repeats)
			require.Zero(t, f.AtLeast)
			require.Zero(t, f.LessThan)
			require.Zero(t, f.Pause, "the wait was not seen to be enough")
			require.Contains(t, f.Notes, "the end of replay_window not measured: the spent token was refused, but only after the provider had it wait 10m0s")
			require.NotContains(t, f.Row(provider.Provider{Name: "fitbit"}, true), "replay_window: 0s")
		}},
		"with every new token": {func(post int) bool { return post == 2 || post == 5 }, func(t *testing.T, f probe.Findings) {
			require.True(t, f.Limited)
			require.Equal(t, probe.Same, f.Repeats)
			requireWindow(t, 2*time.Minute, f)
		}},
		"before and after": {func(post int) bool { return post == 1 || post == 8 }, func(t *testing.T, f probe.Findings) {
			require.True(t, f.Limited)
			require.Contains(t, f.Notes, "repeat_pause not measured: the provider limits all calls, also those with a token that comes for the first time")
			require.Zero(t, f.Pause, "which is no pause between two presentations of one token")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			found, _, err := measureLimited(t, &limited{refuses: c.refuses, wait: 10 * time.Minute}, maxWait)
			require.NoError(t, err)
			c.want(t, found)
		})
	}
}

func TestAnAccessTokenThatExpiresInAWaitIsNotEndedByTheRefresh(t *testing.T) {
	l := &limited{refuses: func(post int) bool { return post == 4 }, wait: 10 * time.Minute, life: 5 * time.Minute}
	found, _, err := measureLimited(t, l, 2*time.Hour)
	require.NoError(t, err)
	require.Empty(t, found.EndsAccess)
	require.Contains(t, found.Notes, "ends_access_token not measured: the access token may have expired while the provider had the refresh wait")
}

// Wherever a wait falls, no value of the row is made of it.
func TestNoWaitIsTakenForWhatTheProviderDoes(t *testing.T) {
	for _, endUnknown := range []bool{false, true} {
		for post := 1; post < 40; post++ {
			refuses := func(p int) bool { return p == post || endUnknown && p == 8 }
			found, _, err := measureLimited(t, &limited{refuses: refuses, wait: 10 * time.Minute}, 2*time.Hour)
			require.NoError(t, err)
			require.NotEqual(t, probe.Never, found.Repeats, "post %d", post)
			require.LessOrEqual(t, found.AtLeast, 2*time.Minute, "post %d", post)
			require.True(t, found.LessThan == 0 || found.LessThan >= 2*time.Minute, "post %d", post)
			require.NotEqual(t, probe.Yes, found.EndsOnUse, "post %d", post)
			require.NotEqual(t, provider.RevokesGrant, found.Reuse, "post %d", post)
			require.NotEqual(t, provider.Harmless, found.Reuse, "post %d", post)
		}
	}
}
