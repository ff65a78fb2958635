package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// readOnly is a vault whose token an earlier run was about to spend long ago, as
// ReadGrant returns it.
func readOnly(_ int, a token.Account) (activities.LoadResult, error) {
	l := loaded(a, 4)
	l.Grant, l.MayHaveSpent = nil, []vault.Intent{{RunID: "earlier-run"}}
	return l, nil
}

func (s *scenario) runRecovery(from ...string) (workflows.Result, error) {
	s.t.Helper()
	return s.refreshWith(workflows.Input{Account: "will", Recover: true, From: from})
}

func TestARecoveryStoresWhatAnEarlierRunHasLost(t *testing.T) {
	s := newScenario(t)
	s.recover = foundInHistory
	result, err := s.runRecovery()
	require.NoError(t, err)
	require.Equal(t, []string{"ReadGrant", "RecoverGrant"}, s.order(), "nothing is spent and no intent is recorded")
	require.Equal(t, workflows.Recovered, result.Outcome)
	require.Equal(t, token.Generation(5), result.Generation)
	require.Equal(t, "earlier-run", result.RecoveredFrom)
	require.Equal(t, 1, result.RunsRead)
	require.Contains(t, s.closing, "Generation 5 of fitbit/will is in the vault (recovered).")
	require.Empty(t, s.notices)
}

func TestARecoveryReadsTheRunsOfTheCronAndOfTheGivenWorkflows(t *testing.T) {
	s := newScenario(t)
	_, err := s.runRecovery("nightly-refresh")
	require.NoError(t, err)
	lost := first[activities.RecoverInput](s, "RecoverGrant")
	require.Equal(t, []string{"fitbit-token-refresh-will", "nightly-refresh"}, lost.WorkflowIDs)
	require.Equal(t, "earlier-run", lost.MayHaveSpent[0].RunID)
}

// A run under another id, such as a Schedule's, also reads those of the account's usual id,
// which are found though they were ended before they had set a search attribute.
func TestARefreshReadsTheRunsOfItsOwnIDAndOfTheUsualOne(t *testing.T) {
	for id, want := range map[string][]string{
		"fitbit-token-refresh": nil, // its own
		"nightly-refresh":      {"nightly-refresh", "fitbit-token-refresh"},
	} {
		s := newScenario(t)
		s.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: id})
		s.load = spentBefore
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, want, first[activities.RecoverInput](s, "RecoverGrant").WorkflowIDs)
		require.Equal(t, want, first[activities.LoadInput](s, "LoadSecrets").WorkflowIDs)
	}
}

func TestARecoveryThatFindsNothingIsNoFailure(t *testing.T) {
	for _, c := range []struct {
		name    string
		intent  string   // the run on the intent record
		gone    []string // what cannot be read
		outcome workflows.Outcome
		says    string
	}{
		{"a run was about to spend it", "earlier-run", nil, workflows.Unchanged,
			"Nothing newer than generation 4 of fitbit/will was found, neither in the vault nor in the histories of earlier runs (3 read)."},
		{"the evidence is gone", "earlier-run", []string{"earlier-run"}, workflows.Unchanged,
			"Nothing newer than generation 4 of fitbit/will was found, neither in the vault nor in the histories of earlier runs (3 read). " +
				"But the history of run earlier-run, which was about to spend it, is gone or cannot be found."},
		{"no run was", "", nil, workflows.Untouched,
			"The vault holds generation 4 of fitbit/will, which no run has been about to spend. There is nothing to recover."},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.read = func(n int, a token.Account) (activities.LoadResult, error) {
				l, err := readOnly(n, a)
				if l.MayHaveSpent = nil; c.intent != "" {
					l.MayHaveSpent = []vault.Intent{{RunID: c.intent}}
				}
				return l, err
			}
			s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
				return activities.RecoverResult{Searched: 3, Gone: c.gone}, nil
			}
			result, err := s.runRecovery()
			require.NoError(t, err)
			require.Equal(t, workflows.Result{
				Account: "will", Provider: "fitbit", Outcome: c.outcome, Generation: 4, Fingerprint: fingerprint(4),
				UserID: "USER-1", RefreshTokenVersion: "refresh-version-" + string(fingerprint(4)), RunsRead: 3, RunsGone: c.gone, Summary: c.says,
			}, result)
			require.Equal(t, c.says, s.closing)
			require.Empty(t, s.notices, "the operator has the result")
			require.Empty(t, s.health, "the account is as healthy as before")
		})
	}
}

func TestARecoverySearchesOnBehindWhatItFindsInTheVault(t *testing.T) {
	later := func(n int, a token.Account) (activities.LoadResult, error) { return growing(n, a) }
	t.Run("and there is nothing", func(t *testing.T) {
		s := newScenario(t)
		s.read = later
		s.recover = func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
			if n == 1 {
				return foundInVault(n, lost)
			}
			return activities.RecoverResult{Searched: 3}, nil
		}
		result, err := s.runRecovery()
		require.NoError(t, err)
		require.Equal(t, []string{"ReadGrant", "RecoverGrant", "ReadGrant", "RecoverGrant"}, s.order())
		require.Equal(t, workflows.Recovered, result.Outcome)
		require.Equal(t, token.Generation(5), result.Generation)
		require.Empty(t, result.RecoveredFrom)
	})
	t.Run("and there is always more", func(t *testing.T) {
		s := newScenario(t)
		s.read, s.recover = later, foundInVault
		_, err := s.runRecovery()
		require.Contains(t, requireFailure(t, err, activities.GenerationConflict), "changed 5 times during one run")
		require.Empty(t, s.notices)
	})
}

func TestARecoveryWaitsForACallThatMayBeInFlight(t *testing.T) {
	s := newScenario(t)
	s.read = func(n int, a token.Account) (activities.LoadResult, error) {
		l, err := readOnly(n, a)
		l.MayHaveSpent[0].At = s.Now().Add(-10 * time.Second)
		return l, err
	}
	s.recover = func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
		if n == 1 {
			return activities.RecoverResult{}, nil
		}
		return foundInHistory(n, lost)
	}
	result, err := s.runRecovery()
	require.NoError(t, err)
	require.Equal(t, []string{"ReadGrant", "RecoverGrant", "RecoverGrant"}, s.order())
	require.Equal(t, workflows.Recovered, result.Outcome)
}

func TestARecoveryThatFailsSaysWhyAndRaisesNoAlert(t *testing.T) {
	for name, breaks := range map[string]func(*scenario){
		"read": func(s *scenario) {
			s.read = func(int, token.Account) (activities.LoadResult, error) {
				return activities.LoadResult{}, forGood(activities.MissingSecret)
			}
		},
		"recover": func(s *scenario) {
			s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
				return activities.RecoverResult{}, forGood(activities.MissingSecret)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			breaks(s)
			_, err := s.runRecovery()
			require.Equal(t, "what MissingSecret says", requireFailure(t, err, activities.MissingSecret))
			require.Equal(t, "Failed: what MissingSecret says", s.closing)
			require.Empty(t, s.notices)
		})
	}
}

// The operator waits for the answer.
func TestARecoveryWhoseSearchStaysAwayEnds(t *testing.T) {
	s := newScenario(t)
	s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
		return activities.RecoverResult{}, forNow("HistoryNotReady")
	}
	_, err := s.runRecovery()
	require.ErrorContains(t, err, "what HistoryNotReady says")
	require.Equal(t, 10, s.calls["RecoverGrant"])
}

func TestACancelledRecoveryChangesNothing(t *testing.T) {
	s := newScenario(t)
	s.read = func(int, token.Account) (activities.LoadResult, error) {
		return activities.LoadResult{}, forNow("VaultNotReady")
	}
	s.RegisterDelayedCallback(s.CancelWorkflow, time.Hour)
	_, err := s.runRecovery()
	require.True(t, temporal.IsCanceledError(err))
	require.Equal(t, "Cancelled before it was found out whether fitbit/will has lost a pair. Nothing was changed.", s.closing)
}

func TestRecoveriesAreFoundByAccountAndProvider(t *testing.T) {
	s := newScenario(t)
	_, err := s.runRecovery()
	require.NoError(t, err)
	require.Equal(t, []temporal.SearchAttributes{
		temporal.NewSearchAttributes(workflows.TokenAccount.ValueSet("will"), workflows.TokenProvider.ValueSet("fitbit")),
	}, s.attributes)
}
