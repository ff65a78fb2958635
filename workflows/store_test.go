package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// awayFor is a vault that takes nothing for a while.
func (s *scenario) awayFor(d time.Duration) {
	began := s.Now()
	s.store = func(int, activities.RefreshResult) (activities.StoreResult, error) {
		if s.Now().Sub(began) < d {
			return activities.StoreResult{}, forNow("VaultNotReady")
		}
		return stored(), nil
	}
}

func TestAPairWaitsForTheVaultForAsLongAsItTakes(t *testing.T) {
	s := newScenario(t)
	s.awayFor(24 * time.Hour)
	result, err := s.refreshWith(workflows.Input{Account: "will"})
	require.NoError(t, err)
	require.Equal(t, workflows.Refreshed, result.Outcome)
	require.Equal(t, 1, s.calls["CallFitbit"], "the provider is not asked again")

	require.Len(t, s.notices, 2, "one notice when it begins, one when it is over")
	began, over := s.notices[0], s.notices[1]
	require.Equal(t, will, began.Account)
	require.Equal(t, workflows.StoreStuck, began.Reason)
	require.False(t, began.Healed)
	require.Regexp(t, `^Generation 5 of fitbit/will is issued and sealed in the run's history, and waits for the vault, or for its turn there\. Run \S+ goes on trying\.$`, began.Message)
	require.Equal(t, workflows.StoreStuck, over.Reason)
	require.True(t, over.Healed)
	require.Contains(t, over.Message, "Generation 5 of fitbit/will is in the vault")

	require.Equal(t, []string{"stuck", "healthy"}, s.health)
	require.Equal(t, "Generation 5 of fitbit/will is issued and sealed in the run's history, and waits for the vault, or for its turn there. For some 10m20s now. Still trying.",
		s.step(t, "Alert").details)
}

func TestEachStepThatIsOverdueIsAlerted(t *testing.T) {
	s := newScenario(t)
	began := s.Now()
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		if s.Now().Sub(began) < time.Hour {
			return activities.RefreshResult{}, forNow("ProviderNotReady")
		}
		return issuedFor(in), nil
	}
	s.awayFor(24 * time.Hour)
	_, err := s.refresh()
	require.NoError(t, err)
	var reasons []string
	for _, n := range s.notices {
		if !n.Healed {
			reasons = append(reasons, n.Reason)
		}
	}
	require.Equal(t, []string{workflows.CallStuck, workflows.StoreStuck}, reasons)
	require.Len(t, s.notices, 4, "and that each is over")
}

func TestAVaultThatIsBackInTenMinutesRaisesNoAlert(t *testing.T) {
	s := newScenario(t)
	s.awayFor(9 * time.Minute)
	_, err := s.refresh()
	require.NoError(t, err)
	require.Empty(t, s.notices)
	require.Equal(t, []string{"healthy"}, s.health)
}

func TestAnotherUsersTokensAreNeverStored(t *testing.T) {
	for _, c := range []struct {
		name, known, answered string
		stored                bool
	}{
		{"the same user", "USER-1", "USER-1", true},
		{"another user", "USER-1", "USER-2", false},
		{"the first refresh of a grant", "", "USER-2", true},
		{"an answer without a user", "USER-1", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
				called := issuedFor(in)
				called.UserID = c.answered
				return called, nil
			}
			load := s.load
			s.load = func(n int, a token.Account) (activities.LoadResult, error) {
				l, err := load(n, a)
				l.UserID = c.known
				return l, err
			}
			_, err := s.refreshWith(workflows.Input{Account: "will"})
			if c.stored {
				require.NoError(t, err)
				require.Equal(t, 1, s.calls["StoreSecrets"])
				return
			}
			require.Equal(t, "Fitbit answered the refresh of fitbit/will with the tokens of user USER-2 instead of USER-1; nothing was stored, the pair is sealed in this run's history; "+
				"find out whose consent this account's refresh token comes from", requireFailure(t, err, workflows.WrongUser))
			require.Zero(t, s.calls["StoreSecrets"])
			require.Len(t, s.notices, 1)
		})
	}
}
