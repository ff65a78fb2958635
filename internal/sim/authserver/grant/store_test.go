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

func newStore(r grant.Rules) *grant.Store {
	if r.AccessTokenLifetime == 0 {
		r.AccessTokenLifetime = 8 * time.Hour
	}
	return grant.NewStore(r, counter())
}

func TestRefreshOutcomes(t *testing.T) {
	const window = 2 * time.Minute
	// Each case prepares a store in which first was the consent's pair, and
	// presents a refresh token some time after the start.
	cases := []struct {
		name    string
		rules   grant.Rules
		prepare func(s *grant.Store, first grant.Pair) (present token.Secret)
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
		{"using the new access token ends the replay", grant.Rules{ReplayWindow: window}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch)
			_, err := s.Use(next.AccessToken, epoch)
			if err != nil {
				panic(err)
			}
			return first.RefreshToken
		}, 1, grant.Reused},
		{"using the old access token does not end the replay", grant.Rules{ReplayWindow: window}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Refresh(first.RefreshToken, epoch)
			_, err := s.Use(first.AccessToken, epoch)
			if err != nil {
				panic(err)
			}
			return first.RefreshToken
		}, 1, grant.Replayed},
		{"using the new refresh token ends the replay", grant.Rules{ReplayWindow: window}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch)
			s.Refresh(next.RefreshToken, epoch)
			return first.RefreshToken
		}, 1, grant.Reused},
		{"a new consent ends the old line", grant.Rules{ReplayWindow: window}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Consent(first.User, "sleep", epoch)
			return first.RefreshToken
		}, 0, grant.Ended},
		{"another user's consent does not", grant.Rules{}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Consent("FAKE02", "sleep", epoch)
			return first.RefreshToken
		}, 0, grant.Rotated},
		{"revoking the access token ends the line", grant.Rules{}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Revoke(first.AccessToken)
			return first.RefreshToken
		}, 0, grant.Ended},
		{"revoking a spent refresh token ends the line", grant.Rules{}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch)
			s.Revoke(first.RefreshToken)
			return next.RefreshToken
		}, 0, grant.Ended},
		{"revoking an unknown token changes nothing", grant.Rules{}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Revoke(token.NewSecret("fake-unknown"))
			return first.RefreshToken
		}, 0, grant.Rotated},
		{"reuse leaves the live token alone", grant.Rules{}, reused, 0, grant.Rotated},
		{"reuse ends the line where the rules say so", grant.Rules{ReuseRevokes: true}, reused, 0, grant.Ended},
		{"a replay is no reuse", grant.Rules{ReuseRevokes: true, ReplayWindow: window}, reused, 0, grant.Rotated},
		{"a spent token that stays good rotates again", grant.Rules{SpentStaysGood: true}, spent, 24 * time.Hour, grant.Rotated},
		{"a window that outlasts the use", grant.Rules{ReplayWindow: window, ReplayOutlastsUse: true}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch)
			_, err := s.Use(next.AccessToken, epoch)
			if err != nil {
				panic(err)
			}
			return first.RefreshToken
		}, 1, grant.Replayed},
		{"the successor's use ends also such a window", grant.Rules{ReplayWindow: window, ReplayOutlastsUse: true}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch)
			s.Refresh(next.RefreshToken, epoch)
			return first.RefreshToken
		}, 1, grant.Reused},
		{"replays that issue do not extend the window", grant.Rules{ReplayWindow: window, ReplayIssues: true}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Refresh(first.RefreshToken, epoch)
			s.Refresh(first.RefreshToken, epoch.Add(window-1))
			return first.RefreshToken
		}, window, grant.Reused},
		{"the use of an earlier replay's access token ends the replay", grant.Rules{ReplayWindow: window, ReplayIssues: true}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch)
			s.Refresh(first.RefreshToken, epoch)
			_, err := s.Use(next.AccessToken, epoch)
			if err != nil {
				panic(err)
			}
			return first.RefreshToken
		}, 1, grant.Reused},
		{"an earlier replay's refresh token stays in force", grant.Rules{ReplayWindow: window, ReplayIssues: true}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch)
			s.Refresh(first.RefreshToken, epoch)
			return next.RefreshToken
		}, 1, grant.Rotated},
		{"a refresh token before its idle end", grant.Rules{Idle: window}, live, window - 1, grant.Rotated},
		{"a refresh token at its idle end", grant.Rules{Idle: window}, live, window, grant.Ended},
		{"a refresh begins the idle time anew", grant.Rules{Idle: window, Rotation: grant.Never}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Refresh(first.RefreshToken, epoch.Add(window-1))
			return first.RefreshToken
		}, window, grant.Renewed},
		{"no refresh moves the hard end", grant.Rules{Life: window}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch.Add(window-1))
			return next.RefreshToken
		}, window, grant.Ended},
		{"a token that rotates daily is kept for a day", grant.Rules{Rotation: grant.Daily}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Refresh(first.RefreshToken, epoch.Add(12*time.Hour))
			return first.RefreshToken
		}, 24*time.Hour - 1, grant.Renewed},
		{"a token that rotates daily is spent after a day", grant.Rules{Rotation: grant.Daily}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Refresh(first.RefreshToken, epoch.Add(12*time.Hour))
			return first.RefreshToken
		}, 24 * time.Hour, grant.Rotated},
		{"as many grants as a user may have", grant.Rules{GrantsPerUser: 2}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Consent(first.User, "sleep", epoch)
			return first.RefreshToken
		}, 0, grant.Rotated},
		{"one grant too many ends the oldest", grant.Rules{GrantsPerUser: 2}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Consent(first.User, "sleep", epoch)
			s.Consent(first.User, "sleep", epoch)
			return first.RefreshToken
		}, 0, grant.Ended},
		{"the owner ends all grants", grant.Rules{GrantsPerUser: 2}, func(s *grant.Store, first grant.Pair) token.Secret {
			s.Consent(first.User, "sleep", epoch)
			s.EndGrants(first.User)
			return first.RefreshToken
		}, 0, grant.Ended},
		{"as many unused pairs as there may be", grant.Rules{UnusedPairs: 3}, unused, 0, grant.Rotated},
		{"one unused pair too many", grant.Rules{UnusedPairs: 2}, unused, 0, grant.OverLimit},
		{"a use makes room", grant.Rules{UnusedPairs: 2}, func(s *grant.Store, first grant.Pair) token.Secret {
			next, _ := s.Refresh(first.RefreshToken, epoch)
			_, err := s.Use(next.AccessToken, epoch)
			if err != nil {
				panic(err)
			}
			return next.RefreshToken
		}, 0, grant.Rotated},
		{"an access token is no refresh token", grant.Rules{}, func(_ *grant.Store, first grant.Pair) token.Secret {
			return first.AccessToken
		}, 0, grant.Unknown},
		{"an empty token is unknown", grant.Rules{}, func(*grant.Store, grant.Pair) token.Secret {
			return token.Secret{}
		}, 0, grant.Unknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(c.rules)
			presented := c.prepare(s, s.Consent("FAKE01", "sleep", epoch))
			now := epoch.Add(c.after)
			require.Equal(t, c.want == grant.Rotated || c.want == grant.Renewed, s.IsLive(presented, now))
			require.Equal(t, c.want == grant.Replayed, s.Replayable(presented, now))
			pair, got := s.Refresh(presented, now)
			require.Equal(t, c.want, got)
			require.Equal(t, got.Granted(), !pair.RefreshToken.Empty())
		})
	}
}

// live presents the consent's own.
func live(_ *grant.Store, first grant.Pair) token.Secret { return first.RefreshToken }

// unused refreshes once and uses nothing.
func unused(s *grant.Store, first grant.Pair) token.Secret {
	next, _ := s.Refresh(first.RefreshToken, epoch)
	return next.RefreshToken
}

// spent rotates once and presents the token that was spent.
func spent(s *grant.Store, first grant.Pair) token.Secret {
	s.Refresh(first.RefreshToken, epoch)
	return first.RefreshToken
}

// reused presents the spent token, and then the live one.
func reused(s *grant.Store, first grant.Pair) token.Secret {
	next, _ := s.Refresh(first.RefreshToken, epoch)
	s.Refresh(first.RefreshToken, epoch)
	return next.RefreshToken
}

func TestRotationCarriesTheGrantOn(t *testing.T) {
	s := newStore(grant.Rules{AccessTokenLifetime: time.Hour})
	first := s.Consent("FAKE01", "sleep", epoch)
	later := epoch.Add(time.Minute)
	next, _ := s.Refresh(first.RefreshToken, later)

	require.Equal(t, "FAKE01", next.User)
	require.Equal(t, "sleep", next.Scope)
	require.Equal(t, 1, next.Generation)
	require.Equal(t, later, next.IssuedAt)
	require.Equal(t, later.Add(time.Hour), next.ExpiresAt)
	require.NotEqual(t, first.RefreshToken, next.RefreshToken)
	require.NotEqual(t, first.AccessToken, next.AccessToken)
	live, ok := s.Live("FAKE01")
	require.True(t, ok)
	require.Equal(t, next, live)
}

func TestAccessTokenWorksUntilItExpiresOrTheGrantEnds(t *testing.T) {
	s := newStore(grant.Rules{AccessTokenLifetime: time.Hour})
	pair := s.Consent("FAKE01", "sleep", epoch)

	used, err := s.Use(pair.AccessToken, epoch.Add(time.Hour-1))
	require.NoError(t, err)
	require.Equal(t, "FAKE01", used.User)
	_, err = s.Use(pair.AccessToken, epoch.Add(time.Hour))
	require.ErrorIs(t, err, grant.ErrExpired)
	_, err = s.Use(pair.RefreshToken, epoch)
	require.ErrorIs(t, err, grant.ErrToken)
	s.Revoke(pair.RefreshToken)
	_, err = s.Use(pair.AccessToken, epoch)
	require.ErrorIs(t, err, grant.ErrToken)
}

func TestOwnerIsKnownEvenWhenTheGrantHasEnded(t *testing.T) {
	s := newStore(grant.Rules{})
	pair := s.Consent("FAKE01", "sleep", epoch)
	s.Revoke(pair.AccessToken)

	require.Equal(t, "FAKE01", s.Owner(pair.RefreshToken))
	require.Equal(t, "FAKE01", s.Owner(pair.AccessToken))
	require.Empty(t, s.Owner(token.NewSecret("fake-unknown")))
	_, ok := s.Live("FAKE01")
	require.False(t, ok)
	_, ok = s.Live("FAKE02")
	require.False(t, ok)
}

func TestARefreshEndsTheOldAccessTokenWhereTheRulesSaySo(t *testing.T) {
	for _, ends := range []bool{false, true} {
		s := newStore(grant.Rules{EndsAccess: ends})
		first := s.Consent("FAKE01", "sleep", epoch)
		next, _ := s.Refresh(first.RefreshToken, epoch)
		_, err := s.Use(first.AccessToken, epoch)
		require.Equal(t, ends, err != nil)
		_, err = s.Use(next.AccessToken, epoch)
		require.NoError(t, err)
	}
}

func TestAPairNamesItsEnds(t *testing.T) {
	s := newStore(grant.Rules{Idle: 90 * 24 * time.Hour, Life: 365 * 24 * time.Hour})
	first := s.Consent("FAKE01", "sleep", epoch)
	require.Equal(t, epoch.AddDate(0, 0, 90), first.RefreshEnds)
	require.Equal(t, epoch.AddDate(0, 0, 365), first.GrantEnds)
	next, _ := s.Refresh(first.RefreshToken, epoch.AddDate(0, 0, 30))
	require.Equal(t, epoch.AddDate(0, 0, 120), next.RefreshEnds)
	require.Equal(t, epoch.AddDate(0, 0, 365), next.GrantEnds)
}
