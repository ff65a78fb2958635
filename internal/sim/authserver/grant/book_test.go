package grant_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// counter gives "fake-1", "fake-2", …
func counter() func() token.Secret {
	n := 0
	return func() token.Secret {
		n++
		return token.NewSecret(fmt.Sprintf("fake-%d", n))
	}
}

func newBook(r grant.Rules) *grant.Store {
	if r.AccessTokenLifetime == 0 {
		r.AccessTokenLifetime = 8 * time.Hour
	}
	return grant.NewBook(r, counter())
}

func TestRefreshOutcomes(t *testing.T) {
	const window = 2 * time.Minute
	// Each case prepares a book in which first was the consent's pair, and
	// presents a refresh token some time after the start.
	cases := []struct {
		name    string
		rules   grant.Rules
		prepare func(b *grant.Store, first grant.Pair) (present token.Secret)
		after   time.Duration
		want    grant.Outcome
	}{
		{"the live token rotates", grant.Rules{}, func(_ *grant.Store, first grant.Pair) token.Secret {
			return first.RefreshToken
		}, 0, grant.Rotated},
		{"the live token rotates years later", grant.Rules{}, func(_ *grant.Store, first grant.Pair) token.Secret {
			return first.RefreshToken
		}, 20000 * time.Hour, grant.Rotated},
		{"a spent token replays inside the window", grant.Rules{ReplayWindow: window}, spent, window - 1, grant.Replayed},
		{"a spent token is refused when the window ends", grant.Rules{ReplayWindow: window}, spent, window, grant.Reused},
		{"a spent token is refused without a window", grant.Rules{}, spent, 0, grant.Reused},
		{"using the new access token ends the replay", grant.Rules{ReplayWindow: window}, func(b *grant.Store, first grant.Pair) token.Secret {
			next, _ := b.Refresh(first.RefreshToken, epoch)
			_, err := b.Use(next.AccessToken, epoch)
			if err != nil {
				panic(err)
			}
			return first.RefreshToken
		}, 1, grant.Reused},
		{"using the old access token does not end the replay", grant.Rules{ReplayWindow: window}, func(b *grant.Store, first grant.Pair) token.Secret {
			b.Refresh(first.RefreshToken, epoch)
			_, err := b.Use(first.AccessToken, epoch)
			if err != nil {
				panic(err)
			}
			return first.RefreshToken
		}, 1, grant.Replayed},
		{"using the new refresh token ends the replay", grant.Rules{ReplayWindow: window}, func(b *grant.Store, first grant.Pair) token.Secret {
			next, _ := b.Refresh(first.RefreshToken, epoch)
			b.Refresh(next.RefreshToken, epoch)
			return first.RefreshToken
		}, 1, grant.Reused},
		{"a new consent ends the old line", grant.Rules{ReplayWindow: window}, func(b *grant.Store, first grant.Pair) token.Secret {
			b.Consent(first.User, "sleep", epoch)
			return first.RefreshToken
		}, 0, grant.Ended},
		{"another user's consent does not", grant.Rules{}, func(b *grant.Store, first grant.Pair) token.Secret {
			b.Consent("FAKE02", "sleep", epoch)
			return first.RefreshToken
		}, 0, grant.Rotated},
		{"revoking the access token ends the line", grant.Rules{}, func(b *grant.Store, first grant.Pair) token.Secret {
			b.Revoke(first.AccessToken)
			return first.RefreshToken
		}, 0, grant.Ended},
		{"revoking a spent refresh token ends the line", grant.Rules{}, func(b *grant.Store, first grant.Pair) token.Secret {
			next, _ := b.Refresh(first.RefreshToken, epoch)
			b.Revoke(first.RefreshToken)
			return next.RefreshToken
		}, 0, grant.Ended},
		{"revoking an unknown token changes nothing", grant.Rules{}, func(b *grant.Store, first grant.Pair) token.Secret {
			b.Revoke(token.NewSecret("fake-nobody"))
			return first.RefreshToken
		}, 0, grant.Rotated},
		{"reuse leaves the live token alone", grant.Rules{}, reused, 0, grant.Rotated},
		{"reuse ends the line where the rules say so", grant.Rules{ReuseRevokes: true}, reused, 0, grant.Ended},
		{"a replay is no reuse", grant.Rules{ReuseRevokes: true, ReplayWindow: window}, reused, 0, grant.Rotated},
		{"an access token is no refresh token", grant.Rules{}, func(_ *grant.Store, first grant.Pair) token.Secret {
			return first.AccessToken
		}, 0, grant.Unknown},
		{"an empty token is unknown", grant.Rules{}, func(*grant.Store, grant.Pair) token.Secret {
			return token.Secret{}
		}, 0, grant.Unknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(c.rules)
			presented := c.prepare(b, b.Consent("FAKE01", "sleep", epoch))
			now := epoch.Add(c.after)
			require.Equal(t, c.want == grant.Rotated, b.IsLive(presented, now))
			require.Equal(t, c.want == grant.Replayed, b.Replayable(presented, now))
			pair, got := b.Refresh(presented, now)
			require.Equal(t, c.want, got)
			require.Equal(t, got.Granted(), !pair.RefreshToken.Empty())
		})
	}
}

// spent rotates once and presents the token that was spent.
func spent(b *grant.Store, first grant.Pair) token.Secret {
	b.Refresh(first.RefreshToken, epoch)
	return first.RefreshToken
}

// reused presents the spent token, and then the live one.
func reused(b *grant.Store, first grant.Pair) token.Secret {
	next, _ := b.Refresh(first.RefreshToken, epoch)
	b.Refresh(first.RefreshToken, epoch)
	return next.RefreshToken
}

func TestRotationCarriesTheGrantOn(t *testing.T) {
	b := newBook(grant.Rules{AccessTokenLifetime: time.Hour})
	first := b.Consent("FAKE01", "sleep", epoch)
	later := epoch.Add(time.Minute)
	next, _ := b.Refresh(first.RefreshToken, later)

	require.Equal(t, "FAKE01", next.User)
	require.Equal(t, "sleep", next.Scope)
	require.Equal(t, 1, next.Generation)
	require.Equal(t, later, next.IssuedAt)
	require.Equal(t, later.Add(time.Hour), next.ExpiresAt)
	require.NotEqual(t, first.RefreshToken, next.RefreshToken)
	require.NotEqual(t, first.AccessToken, next.AccessToken)
	live, ok := b.Live("FAKE01")
	require.True(t, ok)
	require.Equal(t, next, live)
}

func TestAccessTokenWorksUntilItExpiresOrTheGrantEnds(t *testing.T) {
	b := newBook(grant.Rules{AccessTokenLifetime: time.Hour})
	pair := b.Consent("FAKE01", "sleep", epoch)

	used, err := b.Use(pair.AccessToken, epoch.Add(time.Hour-1))
	require.NoError(t, err)
	require.Equal(t, "FAKE01", used.User)
	_, err = b.Use(pair.AccessToken, epoch.Add(time.Hour))
	require.ErrorIs(t, err, grant.ErrExpired)
	_, err = b.Use(pair.RefreshToken, epoch)
	require.ErrorIs(t, err, grant.ErrToken)
	b.Revoke(pair.RefreshToken)
	_, err = b.Use(pair.AccessToken, epoch)
	require.ErrorIs(t, err, grant.ErrToken)
}

func TestOwnerIsKnownEvenWhenTheGrantHasEnded(t *testing.T) {
	b := newBook(grant.Rules{})
	pair := b.Consent("FAKE01", "sleep", epoch)
	b.Revoke(pair.AccessToken)

	require.Equal(t, "FAKE01", b.Owner(pair.RefreshToken))
	require.Equal(t, "FAKE01", b.Owner(pair.AccessToken))
	require.Empty(t, b.Owner(token.NewSecret("fake-nobody")))
	_, ok := b.Live("FAKE01")
	require.False(t, ok)
	_, ok = b.Live("FAKE02")
	require.False(t, ok)
}
