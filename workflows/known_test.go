package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestALoadIsToldOfTheLastResult(t *testing.T) {
	last := workflows.Result{Account: "will", Provider: "fitbit", Outcome: workflows.Refreshed, Generation: 7, Fingerprint: fingerprint(7)}
	with := func(change func(*workflows.Result)) workflows.Result {
		r := last
		change(&r)
		return r
	}
	for _, c := range []struct {
		name string
		last any
		want activities.Known
	}{
		{"none", nil, activities.Known{}},
		{"of this account", last, activities.Known{Generation: 7, Fingerprint: fingerprint(7)}},
		{"of another account", with(func(r *workflows.Result) { r.Account = "bo" }), activities.Known{}},
		{"of another provider", with(func(r *workflows.Result) { r.Provider = "oura" }), activities.Known{}},
		{"of a generation below zero", with(func(r *workflows.Result) { r.Generation = -1 }), activities.Known{}},
		{"a text", "will", activities.Known{}},
		{"a number", 7, activities.Known{}},
		{"another object", map[string]any{"account": 7}, activities.Known{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			if c.last != nil {
				s.SetLastCompletionResult(c.last)
			}
			_, err := s.refreshWith(workflows.Input{Account: "will"})
			require.NoError(t, err)
			require.Equal(t, c.want, first[activities.LoadInput](s, "LoadSecrets").Known)
		})
	}
}

// behind is a vault that was restored from a backup.
func behind(reuse provider.Reuse) func(int, token.Account) (activities.LoadResult, error) {
	return func(_ int, a token.Account) (activities.LoadResult, error) {
		l := loaded(a, 4)
		l.Behind, l.Reuse = true, reuse
		return l, nil
	}
}

func TestAVaultThatIsBehindIsSearchedBeforeTheCall(t *testing.T) {
	t.Run("and the newest is stored", func(t *testing.T) {
		s := newScenario(t)
		s.load, s.recover = behind(provider.RevokesGrant), foundInHistory
		result, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "RecoverGrant"}, s.order())
		require.Equal(t, workflows.Recovered, result.Outcome)
	})
	t.Run("and nothing is found, where a repeat ends the grant", func(t *testing.T) {
		s := newScenario(t)
		s.SetLastCompletionResult(workflows.Result{Account: "default", Provider: "fitbit", Generation: 7})
		s.load = behind(provider.RevokesGrant)
		_, err := s.refresh()
		require.Equal(t, "generation 4 of fitbit/default (fingerprint 0000000000000005) is not presented: Temporal knows generation 7, and the vault and 3 earlier runs hold nothing newer; "+
			"restore the newer version in the vault, or have the account owner consent again", requireFailure(t, err, workflows.ReauthorizationRequired))
		require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "Alert"}, s.order(), "the provider does not see it")
	})
	for _, reuse := range []provider.Reuse{provider.Refused, provider.Harmless, ""} {
		t.Run("and nothing is found, where a repeat is "+string(reuse), func(t *testing.T) {
			s := newScenario(t)
			s.load = behind(reuse)
			result, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}, s.order())
			require.Equal(t, workflows.Refreshed, result.Outcome)
		})
	}
}

func TestALaterLoadIsToldOfWhatTheRunHasSeen(t *testing.T) {
	s := newScenario(t)
	s.SetLastCompletionResult(workflows.Result{Account: "default", Provider: "fitbit", Generation: 3, Fingerprint: fingerprint(3)})
	s.load = growing
	s.call = deadUntil(5, activities.InvalidGrant)
	s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
		return activities.RecoverResult{Found: activities.FoundInVault, Generation: 9}, nil
	}
	_, err := s.refresh()
	require.NoError(t, err)
	loads := s.inputs["LoadSecrets"]
	require.Len(t, loads, 2)
	require.Equal(t, activities.Known{Generation: 3, Fingerprint: fingerprint(3)}, loads[0].(activities.LoadInput).Known)
	require.Equal(t, activities.Known{Generation: 9}, loads[1].(activities.LoadInput).Known)
}
