package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// foundInHistory is a recovery that found the pair of an earlier run.
func foundInHistory(_ int, lost activities.RecoverInput) (activities.RecoverResult, error) {
	called, kept := issuedFor(lost.LoadResult), stored()
	return activities.RecoverResult{Found: activities.FoundInHistory, Searched: 1, FoundIn: "earlier-run", Called: &called, Stored: &kept}, nil
}

func foundInVault(int, activities.RecoverInput) (activities.RecoverResult, error) {
	return activities.RecoverResult{Found: activities.FoundInVault}, nil
}

// deadUntil is a provider that takes nothing older than a generation.
func deadUntil(g token.Generation, kind string) func(int, activities.LoadResult) (activities.RefreshResult, error) {
	return func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		if in.Provenance.Generation < g {
			return activities.RefreshResult{}, forGood(kind)
		}
		return issuedFor(in), nil
	}
}

// growing is a vault that holds a later generation each time it is read.
func growing(n int, a token.Account) (activities.LoadResult, error) {
	return loaded(a, token.Generation(3+n)), nil
}

func TestANewerGrantInTheVaultIsRunOnWith(t *testing.T) {
	for _, c := range []struct {
		name    string
		refusal string
		recover func(int, activities.RecoverInput) (activities.RecoverResult, error)
		want    []string
	}{
		{"seen before another attempt", activities.GrantAdvanced, nil,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", "CallFitbit", "StoreSecrets"}},
		{"found by the recovery", activities.InvalidGrant, foundInVault,
			[]string{"LoadSecrets", "CallFitbit", "RecoverGrant", "LoadSecrets", "CallFitbit", "StoreSecrets"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.load, s.call = growing, deadUntil(5, c.refusal)
			if c.recover != nil {
				s.recover = c.recover
			}
			result, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, c.want, s.order())
			require.Equal(t, workflows.Recovered, result.Outcome)
			require.Equal(t, token.Generation(6), result.Generation)
			require.Empty(t, s.notices, "nothing was lost")
		})
	}
}

func TestAPairOfAnEarlierRunEndsTheRunRecovered(t *testing.T) {
	s := newScenario(t)
	s.failAt("call", forGood(activities.InvalidGrant))
	s.recover = foundInHistory
	result, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "RecoverGrant"}, s.order(), "the recovery has stored it")
	require.Equal(t, workflows.Recovered, result.Outcome)
	require.Equal(t, token.Generation(5), result.Generation)
	require.Equal(t, "refresh-version-new", result.RefreshTokenVersion)
	require.Equal(t, "earlier-run", result.RecoveredFrom)
	require.Equal(t, []string{"healthy"}, s.health)
}

func TestWhereNothingIsFoundTheOwnerMustConsentAgain(t *testing.T) {
	s := newScenario(t)
	s.failAt("call", forGood(activities.InvalidGrant))
	_, err := s.refreshWith(workflows.Input{Account: "will"})
	message := requireFailure(t, err, workflows.ReauthorizationRequired)
	require.Equal(t, "Fitbit no longer takes generation 4 of fitbit/will (fingerprint 0000000000000005): it was revoked, replaced by another consent, spent by another client, or spent by a call whose answer was lost; "+
		"the vault and 3 earlier runs hold nothing newer; have the account owner consent again", message)
	require.Equal(t, []activities.AlertInput{{Account: will, Reason: workflows.ReauthorizationRequired, Message: message}}, s.notices)
	require.Equal(t, []string{"needs-consent"}, s.health)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "RecoverGrant", "RecoverGrant", "Alert"}, s.order(), "what the vault holds is left as it is")
	require.Equal(t, activities.MaxInFlight, s.step(t, "timer").timer, "a call that spent it a moment ago is waited for")
}

func TestAPairThatArrivesAfterTheRefusalIsFoundByTheRecheck(t *testing.T) {
	s := newScenario(t)
	s.failAt("call", forGood(activities.InvalidGrant))
	s.recover = func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
		if n == 1 {
			return activities.RecoverResult{Searched: 3}, nil
		}
		return foundInHistory(n, lost)
	}
	result, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, workflows.Recovered, result.Outcome)
	require.Empty(t, s.notices)
}

// spentBefore is a vault whose token an earlier run was about to spend.
func spentBefore(_ int, a token.Account) (activities.LoadResult, error) {
	l := loaded(a, 4)
	l.MayHaveSpent = []vault.Intent{{RunID: "earlier-run"}}
	return l, nil
}

func TestATokenThatAnEarlierRunSpentIsNotPresentedBeforeTheSearch(t *testing.T) {
	t.Run("found in its history", func(t *testing.T) {
		s := newScenario(t)
		s.load, s.recover = spentBefore, foundInHistory
		result, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "RecoverGrant"}, s.order())
		require.Equal(t, workflows.Recovered, result.Outcome)
		require.Equal(t, "earlier-run", first[activities.RecoverInput](s, "RecoverGrant").MayHaveSpent[0].RunID)
	})
	t.Run("found in the vault", func(t *testing.T) {
		s := newScenario(t)
		s.recover = foundInVault
		s.load = func(n int, a token.Account) (activities.LoadResult, error) {
			if n == 1 {
				return spentBefore(n, a)
			}
			return growing(n, a)
		}
		result, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
		require.Equal(t, workflows.Recovered, result.Outcome)
	})
	t.Run("found nowhere, so it may not be spent after all", func(t *testing.T) {
		s := newScenario(t)
		s.load = spentBefore
		result, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}, s.order())
		require.Equal(t, workflows.Refreshed, result.Outcome)
	})
	t.Run("found nowhere, and it is", func(t *testing.T) {
		s := newScenario(t)
		s.load = spentBefore
		s.failAt("call", forGood(activities.InvalidGrant))
		_, err := s.refresh()
		require.Contains(t, requireFailure(t, err, workflows.ReauthorizationRequired), "a call whose answer was lost (run earlier-run may have made one)")
	})
	t.Run("found nowhere, for the evidence is gone", func(t *testing.T) {
		s := newScenario(t)
		s.load = spentBefore
		s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
			return activities.RecoverResult{Searched: 3, Gone: []string{"earlier-run", "first-run"}}, nil
		}
		s.failAt("call", forGood(activities.InvalidGrant))
		_, err := s.refresh()
		require.Contains(t, requireFailure(t, err, workflows.ReauthorizationRequired),
			"the vault and 3 earlier runs hold nothing newer; the histories of runs earlier-run and first-run, which were about to spend it, are gone or cannot be found; have the account owner consent again")
	})
}

// A search of which nothing waits but the run is tried for as long as the vault or the
// histories cannot be read: nothing is lost by that.
func TestASearchIsRetriedForAsLongAsItTakes(t *testing.T) {
	for name, refused := range map[string]bool{"before the call": false, "after a refusal": true} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			began := s.Now()
			if s.load = spentBefore; refused {
				s.load = func(_ int, a token.Account) (activities.LoadResult, error) { return loaded(a, 4), nil }
				s.failAt("call", forGood(activities.InvalidGrant))
			}
			s.recover = func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
				if s.Now().Sub(began) < 3*time.Hour {
					return activities.RecoverResult{}, forNow("HistoryNotReady")
				}
				return foundInHistory(n, lost)
			}
			result, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, workflows.Recovered, result.Outcome)
			require.Len(t, s.notices, 2, "one alert when it begins, one when it is over")
			require.Equal(t, workflows.LoadStuck, s.notices[0].Reason)
			require.True(t, s.notices[1].Healed)
		})
	}
}

func TestACancelledSearchIsGivenUpAfterAMoment(t *testing.T) {
	for name, refused := range map[string]bool{"before the call": false, "after a refusal": true} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			if s.load = spentBefore; refused {
				s.load = func(_ int, a token.Account) (activities.LoadResult, error) { return loaded(a, 4), nil }
				s.failAt("call", forGood(activities.InvalidGrant))
			}
			s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
				return activities.RecoverResult{}, forNow("HistoryNotReady")
			}
			began := s.Now()
			s.RegisterDelayedCallback(s.CancelWorkflow, 12*time.Minute)
			_, err := s.refresh()
			requireCanceled(t, err)
			require.WithinRange(t, s.Now(), began.Add(12*time.Minute+activities.MaxInFlight), began.Add(12*time.Minute+activities.MaxInFlight+time.Second))
			require.Equal(t, "Cancelled. Bringing the search for what was issued for generation 4 of fitbit/default to its end first, for up to 30s.", s.step(t, "timer").details)
			if refused {
				require.Equal(t, "Cancelled after the provider called the refresh token of fitbit/default dead. Its successor was not found yet; the next run searches on.", s.closing)
			}
		})
	}
}

// The call that spent the token may be a moment old, and its pair on its way.
func TestARunThatIsCancelledAfterARefusalSaysThatTheGrantIsDead(t *testing.T) {
	for refusal, words := range map[string]string{
		activities.InvalidGrant: "Cancelled after the provider called the refresh token of fitbit/default dead. Its successor was not found yet; the next run searches on.",
		activities.AnswerLost:   "Cancelled after the answer that spent the refresh token of fitbit/default was lost. Its successor was not found yet; the next run searches on.",
	} {
		t.Run(refusal, func(t *testing.T) {
			s := newScenario(t)
			s.failAt("call", forGood(refusal))
			s.RegisterDelayedCallback(s.CancelWorkflow, 10*time.Second)
			_, err := s.refresh()
			requireCanceled(t, err)
			require.Equal(t, []string{"LoadSecrets", "CallFitbit", "RecoverGrant"}, s.order())
			require.Equal(t, words, s.closing)
		})
	}
	t.Run("but not where the vault has its successor", func(t *testing.T) {
		s := newScenario(t)
		s.failAt("call", forGood(activities.InvalidGrant))
		s.recover = foundInVault
		s.load = func(n int, a token.Account) (activities.LoadResult, error) {
			if n == 2 {
				s.CancelWorkflow()
			}
			return loaded(a, token.Generation(3+n)), nil
		}
		_, err := s.refresh()
		requireCanceled(t, err)
		require.Equal(t, "Cancelled before fitbit/default was refreshed. Nothing was lost.", s.closing)
	})
}

func TestARecoveredPairThatIsHalfWornIsRefreshedWith(t *testing.T) {
	for _, c := range []struct {
		name          string
		obtained, end time.Duration // from now
		goesOn        bool
	}{
		{"it is fresh", -time.Hour, 7 * time.Hour, false},
		{"it has less than half of its life left", -6 * time.Hour, 2 * time.Hour, true},
		{"it has ended", -9 * time.Hour, -time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.load = func(n int, a token.Account) (activities.LoadResult, error) {
				if n == 1 {
					return spentBefore(n, a)
				}
				return loaded(a, 5), nil
			}
			s.recover = func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
				found, err := foundInHistory(n, lost)
				found.Called.ObtainedAt, found.Called.Expiry = s.Now().Add(c.obtained), s.Now().Add(c.end)
				return found, err
			}
			result, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, workflows.Recovered, result.Outcome)
			want := []string{"LoadSecrets", "RecoverGrant"}
			if c.goesOn {
				want = append(want, "LoadSecrets", "CallFitbit", "StoreSecrets")
			}
			require.Equal(t, want, s.order())
		})
	}
}
