package workflows_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// doubtful is how a call ends at a provider whose answer may mean a dead grant.
func doubtful() error {
	return temporal.NewNonRetryableApplicationError("the provider refused", activities.ProbablyDead, nil, "check token_url of fitbit", "403 Forbidden, HTML instead of JSON")
}

// page is how a call ends behind a firewall that refuses everyone.
func page() error {
	return temporal.NewNonRetryableApplicationError("the provider refused", activities.ProbablyDead, nil, "check token_url of fitbit", "403 Forbidden, HTML instead of JSON", map[string]bool{"passing": true})
}

// doubted is a scenario in which the calls with these numbers, or all, end so.
func doubted(t *testing.T, calls ...int) *scenario {
	s := newScenario(t)
	s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
		if len(calls) == 0 || slices.Contains(calls, n) {
			return activities.RefreshResult{}, doubtful()
		}
		return issuedFor(in), nil
	}
	return s
}

// pauses are the timers that the run has waited for, those that find it overdue left aside.
func (s *scenario) pauses() (pauses []time.Duration) {
	for _, step := range s.steps {
		if step.name == "timer" {
			pauses = append(pauses, step.timer)
		}
	}
	return pauses
}

func TestAGrantThatIsProbablyDeadIsPresentedTwiceAndAsksForConsent(t *testing.T) {
	s := doubted(t)
	_, err := s.refreshWith(workflows.Input{Account: "will"})
	message := requireFailure(t, err, workflows.ReauthorizationRequired)
	require.Equal(t, fmt.Sprintf("the grant of fitbit/will is probably dead: Fitbit answered 403 Forbidden, HTML instead of JSON each time that generation 4 (fingerprint %s) was presented; "+
		"the vault and 3 earlier runs hold nothing newer; check token_url of fitbit; the next run presents the token again, at most twice", fingerprint(4)), message)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "LoadSecrets", "CallFitbit", "RecoverGrant", "RecoverGrant", "Alert"}, s.order())
	require.Equal(t, []time.Duration{time.Minute, activities.MaxInFlight}, s.pauses(), "not at once, and the ladder's own pause")
	require.Equal(t, []string{"needs-consent"}, s.health)
	require.Equal(t, []activities.AlertInput{{Account: will, Reason: workflows.ReauthorizationRequired, Message: message}}, s.notices)
	require.False(t, s.inputs["CallFitbit"][0].(activities.LoadResult).Doubted)
	require.True(t, s.inputs["CallFitbit"][1].(activities.LoadResult).Doubted, "the second call knows of the first")
}

func TestAGatewaysPassingRefusalAsksNoOneForConsent(t *testing.T) {
	s := doubted(t, 1)
	result, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, workflows.Refreshed, result.Outcome)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
	require.Empty(t, s.notices)
}

func TestTheDoubtIsAboutOneToken(t *testing.T) {
	s := doubted(t, 1, 2, 3)
	s.load = func(n int, a token.Account) (activities.LoadResult, error) {
		return loaded(a, token.Generation(n)), nil
	}
	s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
		require.False(t, in.Doubted, "another consent has come")
		if n < 4 {
			return activities.RefreshResult{}, doubtful()
		}
		return issuedFor(in), nil
	}
	_, err := s.refresh()
	require.NoError(t, err)
	require.Zero(t, s.calls["RecoverGrant"])
}

// However often a run starts over meanwhile, and for whatever reason.
func TestDoubtsAreCountedOverAllReloadsOfARun(t *testing.T) {
	s := newScenario(t)
	s.call = func(n int, _ activities.LoadResult) (activities.RefreshResult, error) {
		if n == 2 {
			return activities.RefreshResult{}, forGood(activities.GrantOutdated)
		}
		return activities.RefreshResult{}, doubtful()
	}
	_, err := s.refresh()
	requireFailure(t, err, workflows.ReauthorizationRequired)
	require.Equal(t, 3, s.calls["CallFitbit"])
}

func TestThePauseInDoubtIsCutShort(t *testing.T) {
	t.Run("by a refresh-now signal", func(t *testing.T) {
		s := doubted(t, 1)
		began := s.Now()
		s.RegisterDelayedCallback(func() { s.SignalWorkflow(workflows.RefreshNow, nil) }, 10*time.Second)
		_, err := s.refresh()
		require.NoError(t, err)
		require.Less(t, s.Now().Sub(began), 30*time.Second)
		require.Zero(t, s.unread)
	})
	t.Run("by a cancellation, which asks no one for consent", func(t *testing.T) {
		s := doubted(t)
		s.RegisterDelayedCallback(s.CancelWorkflow, 10*time.Second)
		_, err := s.refresh()
		require.True(t, temporal.IsCanceledError(err))
		require.Equal(t, 1, s.calls["CallFitbit"])
		require.Empty(t, s.notices)
		require.Contains(t, s.closing, "in words that may mean a dead grant. The next run presents it again.")
	})
	t.Run("by a short replay window, for the call may have spent the token", func(t *testing.T) {
		s := doubted(t)
		s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
			l := loaded(a, 4)
			l.ReplayWindow = 20 * time.Second
			return l, nil
		}
		_, err := s.refresh()
		requireFailure(t, err, workflows.ReauthorizationRequired)
		require.Equal(t, 10*time.Second, s.pauses()[0])
	})
}

func TestAPageThatIsNoTokenEndpointsIsWaitedForForHalfAnHour(t *testing.T) {
	behind := func(replay time.Duration) *scenario {
		s := newScenario(t)
		s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
			l := loaded(a, 4)
			l.ReplayWindow = replay
			return l, nil
		}
		s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
			if n == 1 {
				return activities.RefreshResult{}, page()
			}
			return issuedFor(in), nil
		}
		return s
	}
	const cause = "Fitbit answered 403 Forbidden, HTML instead of JSON to the refresh of fitbit/default, which may mean a dead grant."
	t.Run("and its cause is alerted meanwhile", func(t *testing.T) {
		s := behind(0)
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []time.Duration{30 * time.Minute}, s.pauses())
		require.Equal(t, workflows.CallStuck, s.notices[0].Reason)
		require.Equal(t, cause+" Run "+ownRun+" goes on trying.", s.notices[0].Message)
		require.True(t, s.notices[1].Healed, "and is over")
		require.Equal(t, []string{"stuck", "healthy"}, s.health)
	})
	t.Run("a signal cuts it short", func(t *testing.T) {
		s := behind(0)
		began := s.Now()
		s.RegisterDelayedCallback(func() { s.SignalWorkflow(workflows.RefreshNow, nil) }, 5*time.Minute)
		_, err := s.refresh()
		require.NoError(t, err)
		require.Less(t, s.Now().Sub(began), 6*time.Minute)
		require.Empty(t, s.notices)
	})
	t.Run("a cancellation ends it", func(t *testing.T) {
		s := behind(0)
		s.RegisterDelayedCallback(s.CancelWorkflow, 5*time.Minute)
		_, err := s.refresh()
		require.True(t, temporal.IsCanceledError(err))
		require.Equal(t, 1, s.calls["CallFitbit"])
	})
	t.Run("where the last call may have spent the token, for half of its window at most", func(t *testing.T) {
		s := behind(10 * time.Minute)
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, 5*time.Minute, s.pauses()[0])
	})
}

// A token may be spent behind a refusal that a gateway has given. Where its second sight
// ends the grant, what was issued is searched for first.
func TestWhereAReuseRevokesTheSuccessorIsSearchedForBetweenTheTwo(t *testing.T) {
	for reuse, want := range map[provider.Reuse]string{
		provider.RevokesGrant: "RecoverGrant", "": "RecoverGrant", provider.Refused: "CallFitbit", provider.Harmless: "CallFitbit",
	} {
		t.Run(string(reuse), func(t *testing.T) {
			s := doubted(t, 1)
			s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
				l := loaded(a, 4)
				l.Reuse = reuse
				return l, nil
			}
			_, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, want, s.order()[3], s.order())
		})
	}
}

func TestASuccessorOfAProbablyDeadGrantEndsTheDoubt(t *testing.T) {
	s := doubted(t)
	s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
		in := loaded(will, 4)
		called, kept := issuedFor(in), stored()
		return activities.RecoverResult{Found: activities.FoundInHistory, FoundIn: "run-1", Called: &called, Stored: &kept}, nil
	}
	result, err := s.refreshWith(workflows.Input{Account: "will"})
	require.NoError(t, err)
	require.Equal(t, workflows.Recovered, result.Outcome)
	require.Empty(t, s.notices)
}

// The ladder marks the token whose place another one takes as dead, for good. So it is told
// whether the token is, and a gateway's page says nothing of that.
func TestTheLadderIsToldWhetherTheTokenIsKnownToBeDead(t *testing.T) {
	refused := func(by error) func(*scenario) {
		return func(s *scenario) {
			s.call = func(int, activities.LoadResult) (activities.RefreshResult, error) {
				return activities.RefreshResult{}, by
			}
		}
	}
	loading := func(change func(*activities.LoadResult)) func(*scenario) {
		return func(s *scenario) {
			s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
				l := loaded(a, 4)
				change(&l)
				return l, nil
			}
			s.recover = foundInVault
		}
	}
	for _, c := range []struct {
		name  string
		given func(*scenario)
		want  bool
	}{
		{"the provider calls it dead", refused(forGood(activities.InvalidGrant)), true},
		{"its pair was lost", refused(forGood(activities.AnswerLost)), true},
		{"the answer may be a gateway's", refused(doubtful()), false},
		{"a later generation is known", loading(func(l *activities.LoadResult) { l.Behind, l.Reuse = true, provider.RevokesGrant }), true},
		{"a later generation is known, and the answer may be a gateway's", func(s *scenario) {
			refused(doubtful())(s)
			loading(func(l *activities.LoadResult) { l.Behind, l.ReplayWindow = true, 0; l.Reuse = provider.Refused })(s)
			s.recover = func(n int, in activities.RecoverInput) (activities.RecoverResult, error) {
				return activities.RecoverResult{}, nil
			}
		}, false},
		{"another run may have spent it", func(s *scenario) {
			s.load = spentBefore
			s.recover = foundInVault
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			c.given(s)
			_, _ = s.refreshWith(workflows.Input{Account: "will"})
			asked := s.inputs["RecoverGrant"]
			require.NotEmpty(t, asked)
			require.Equal(t, c.want, asked[len(asked)-1].(activities.RecoverInput).Dead)
		})
	}
	s := newScenario(t)
	_, err := s.runRecovery()
	require.NoError(t, err)
	require.False(t, first[activities.RecoverInput](s, "RecoverGrant").Dead, "an operator may ask for a healthy account")
}
