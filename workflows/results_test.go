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

// An operator completes an activity with something, as "temporal activity complete" does.
func TestAResultThatWasNotAskedForEndsTheRunByName(t *testing.T) {
	bo := token.Account{Provider: "fitbit", Name: "bo"}
	boPair := issuedFor(loaded(bo, 4))
	for _, c := range []struct {
		activity, problem string
		result            any
	}{
		{"LoadSecrets", "is of another account", map[string]any{}},
		{"LoadSecrets", "is of another account", loaded(bo, 4)},
		{"LoadSecrets", "is of another account", nil},
		{"LoadSecrets", "is of another form", 7},
		{"LoadSecrets", "is of another form", "done"},
		{"LoadSecrets", "is of another form", []string{"done"}},
		{"LoadSecrets", "is of another form", map[string]any{"account": "will", "replayWindow": "long"}},
		{"CallFitbit", "is of another account", map[string]any{}},
		{"CallFitbit", "is of another account", boPair},
		{"CallFitbit", "is of another form", 7},
		{"StoreSecrets", "names no version of the refresh token", map[string]any{}},
		{"StoreSecrets", "names no version of the refresh token", map[string]any{"superseded": true}},
		{"StoreSecrets", "is of another form", true},
		{"RecoverGrant", "is of another account", map[string]any{}},
		{"RecoverGrant", "is of another account", map[string]any{"found": "vault"}},
		{"RecoverGrant", `says nothing of run "earlier-run"`, activities.RecoverResult{Account: will}},
		{"RecoverGrant", "has no pair", activities.RecoverResult{Account: will, Found: activities.FoundInHistory}},
		{"RecoverGrant", "is of another account", activities.RecoverResult{Account: will, Found: activities.FoundInHistory, Called: &boPair, Stored: &activities.StoreResult{RefreshTokenVersion: "r", AccessTokenVersion: "a"}}},
		{"RecoverGrant", "is of another form", 7},
	} {
		t.Run(c.activity+" "+c.problem, func(t *testing.T) {
			s := newScenario(t)
			s.load = spentBefore
			s.byHand[c.activity] = c.result
			_, err := s.refreshWith(workflows.Input{Account: "will"})
			message := requireFailure(t, err, activities.UnexpectedResult)
			require.Equal(t, c.activity+" of fitbit/will: the result "+c.problem+"; it was completed by hand or by another program; the next run starts over", message)
			require.Equal(t, []activities.AlertInput{{Account: will, Reason: activities.UnexpectedResult, Message: message}}, s.notices)
			require.Equal(t, "Failed: "+message, s.closing)
			order := s.order()
			require.Equal(t, c.activity, order[len(order)-2], "nothing follows but the alert")
		})
	}
}

func TestARecoveryBelievesNoResultEither(t *testing.T) {
	for _, c := range []struct {
		activity string
		result   any
	}{
		{"ReadGrant", map[string]any{}},
		{"ReadGrant", loaded(token.Account{Provider: "oura", Name: "will"}, 4)},
		{"ReadGrant", 7},
		{"RecoverGrant", map[string]any{}},
	} {
		s := newScenario(t)
		s.byHand[c.activity] = c.result
		_, err := s.runRecovery()
		requireFailure(t, err, activities.UnexpectedResult)
		require.Empty(t, s.notices, "the operator has the result")
	}
}

func TestAnAlertThatIsCompletedByHandChangesNothing(t *testing.T) {
	s := newScenario(t)
	s.byHand["Alert"] = 7
	s.failAt("call", forGood(activities.InvalidClient))
	_, err := s.refresh()
	requireFailure(t, err, activities.InvalidClient)
}

// Inside the window the token is presented all the same: a failed run would let the
// answer of an earlier call go.
func TestASearchThatIsCompletedByHandInsideTheWindowIsToldAndTheTokenPresented(t *testing.T) {
	s := newScenario(t)
	s.load = inWindow(s, 0, "")
	s.byHand["RecoverGrant"] = map[string]any{}
	result, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, workflows.Refreshed, result.Outcome)
	require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "Alert", "StoreSecrets", "Alert"}, s.order())
	require.Equal(t, activities.UnexpectedResult, s.notices[0].Reason)
	require.True(t, s.notices[1].Healed)
}

func TestACancelledRunTellsOfSuchASearchToo(t *testing.T) {
	s := newScenario(t)
	load := inWindow(s, 0, "")
	s.load = func(n int, a token.Account) (activities.LoadResult, error) {
		s.CancelWorkflow()
		return load(n, a)
	}
	s.byHand["RecoverGrant"] = map[string]any{}
	_, err := s.refresh()
	requireCanceled(t, err)
	require.Equal(t, activities.UnexpectedResult, s.notices[0].Reason)
	require.Equal(t, 1, s.calls["StoreSecrets"])
	for _, step := range s.steps {
		require.False(t, step.vain, step.name)
	}
}

func TestASupersededPairIsGreenOnlyBesideANewerAccessToken(t *testing.T) {
	superseded := activities.StoreResult{Superseded: true, RefreshTokenVersion: "another-runs"}
	t.Run("there is none, so the run refreshes with what is there", func(t *testing.T) {
		s := newScenario(t)
		s.load = growing
		s.store = func(n int, _ activities.RefreshResult) (activities.StoreResult, error) {
			if n == 1 {
				return superseded, nil
			}
			return stored(), nil
		}
		result, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "CallFitbit", "StoreSecrets", "LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
		require.Equal(t, workflows.Refreshed, result.Outcome)
		require.Equal(t, token.Generation(6), result.Generation)
		require.Equal(t, activities.Known{Generation: 5, Fingerprint: fingerprint(5)}, s.inputs["LoadSecrets"][1].(activities.LoadInput).Known)
	})
	t.Run("there never is one", func(t *testing.T) {
		s := newScenario(t)
		s.load = growing
		s.store = func(int, activities.RefreshResult) (activities.StoreResult, error) { return superseded, nil }
		_, err := s.refresh()
		requireFailure(t, err, activities.GenerationConflict)
		require.Equal(t, 5, s.calls["StoreSecrets"])
	})
	t.Run("a recovered pair is superseded", func(t *testing.T) {
		s := newScenario(t)
		s.load = func(n int, a token.Account) (activities.LoadResult, error) {
			if n == 1 {
				return spentBefore(n, a)
			}
			return loaded(a, 7), nil
		}
		s.recover = func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
			r, err := foundInHistory(n, lost)
			r.Stored = &superseded
			return r, err
		}
		result, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
		require.Equal(t, workflows.Recovered, result.Outcome)
	})
}

func TestALostAnswerNeedsAConsent(t *testing.T) {
	s := newScenario(t)
	s.failAt("call", forGood(activities.AnswerLost))
	_, err := s.refresh()
	require.Equal(t, "Fitbit no longer takes generation 4 of fitbit/default (fingerprint 0000000000000005): it was spent, and the answer with its successor was lost; "+
		"the vault and 3 earlier runs hold nothing newer; have the account owner consent again", requireFailure(t, err, workflows.ReauthorizationRequired))
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "RecoverGrant", "RecoverGrant", "Alert"}, s.order())
	require.Equal(t, 1, s.calls["CallFitbit"])
}

func TestAGrantThatStaysOutdatedEndsTheRunByThatName(t *testing.T) {
	s := newScenario(t)
	s.failAt("call", forGood(activities.GrantOutdated))
	_, err := s.refresh()
	require.Equal(t, "5 times during one run the grant of fitbit/default was another run's when it was used; see that LoadSecrets is not completed by hand",
		requireFailure(t, err, activities.GrantOutdated))
}

func TestAGrantInDoubtIsPresentedOnceMoreAfterASearch(t *testing.T) {
	doubtful := func(s *scenario) {
		s.load = func(n int, a token.Account) (activities.LoadResult, error) {
			l := loaded(a, 4)
			if l.ReplayWindow = 0; n > 1 { // the record now names the other run
				l.MayHaveSpent = []vault.Intent{{RunID: "another-run", At: s.Now()}}
			}
			return l, nil
		}
		s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
			if n == 1 {
				return activities.RefreshResult{}, forGood(activities.GrantInDoubt)
			}
			return issuedFor(in), nil
		}
	}
	t.Run("nothing is found", func(t *testing.T) {
		s := newScenario(t)
		doubtful(s)
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "CallFitbit", "LoadSecrets", "RecoverGrant", "RecoverGrant", "CallFitbit", "StoreSecrets"}, s.order())
		require.InDelta(t, activities.MaxInFlight, s.step(t, "timer").timer, 1e8, "a call that may be in flight is waited for")
	})
	t.Run("its own window has closed, and is not opened by the doubt", func(t *testing.T) {
		s := newScenario(t)
		began := s.Now()
		s.load = func(n int, a token.Account) (activities.LoadResult, error) {
			l := loaded(a, 4)
			if l.Reuse = ""; n > 1 {
				l.MayHaveSpent = []vault.Intent{{RunID: "another-run", At: began.Add(time.Minute)}}
			}
			return l, nil
		}
		s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
			switch past := s.Now().Sub(began); {
			case past < 5*time.Minute:
				return activities.RefreshResult{}, forNowAfter(5 * time.Minute)
			case past < 5*time.Minute+20*time.Second:
				return activities.RefreshResult{}, forGood(activities.GrantInDoubt)
			}
			return issuedFor(in), nil
		}
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "CallFitbit", "LoadSecrets", "RecoverGrant", "RecoverGrant", "CallFitbit", "StoreSecrets"}, s.order())
	})
	t.Run("the other run's pair is found", func(t *testing.T) {
		s := newScenario(t)
		doubtful(s)
		s.recover = foundInHistory
		result, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, 1, s.calls["CallFitbit"])
		require.Equal(t, workflows.Recovered, result.Outcome)
	})
	t.Run("it stays in doubt", func(t *testing.T) {
		s := newScenario(t)
		doubtful(s)
		s.failAt("call", forGood(activities.GrantInDoubt))
		_, err := s.refresh()
		require.Equal(t, "5 times during one run another run may have spent the refresh token of fitbit/default; see that only one workflow refreshes this account",
			requireFailure(t, err, activities.GrantInDoubt))
		require.Equal(t, 5, s.calls["CallFitbit"], "it is presented to no end")
	})
}
