package workflows_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestTheDetailsDescribeEachStep(t *testing.T) {
	s := newScenario(t)
	s.load = spentBefore
	_, err := s.refreshWith(workflows.Input{Account: "will"})
	require.NoError(t, err)
	for name, want := range map[string]string{
		"LoadSecrets":  "Loading the secrets of fitbit/will from the vault.",
		"RecoverGrant": "Generation 4 of fitbit/will may be spent. Searching for its successor in the vault and in earlier runs.",
		"CallFitbit":   "Asking Fitbit for generation 5 of fitbit/will.",
		"StoreSecrets": "Generation 5 of fitbit/will is issued and sealed in this run's history. Storing it.",
	} {
		require.Equal(t, want, s.step(t, name).details)
	}
	require.Regexp(t, `^Generation 5 of fitbit/will is in the vault \(refreshed\)\. The access token is good until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, for \d+h\d+m\d+s\.$`, s.closing)
}

func TestAnAccessTokenWithoutAnEndIsNotGivenOne(t *testing.T) {
	s := newScenario(t)
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		return activities.RefreshResult{Account: in.Account, Provenance: in.Provenance, Pair: in.Grant}, nil
	}
	_, err := s.refreshWith(workflows.Input{Account: "will"})
	require.NoError(t, err)
	require.Equal(t, "Generation 4 of fitbit/will is in the vault (refreshed).", s.closing)
}

func TestNothingThatARunShowsHoldsAnEnvelope(t *testing.T) {
	for name, broken := range map[string]string{"green": "", "failed": "call", "recovering": "recover", "stuck": "store"} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			s.failAt(broken, forGood(activities.GenerationConflict))
			_, err := s.refresh()
			shown := fmt.Sprint(s.closing, s.notices, s.attributes, err)
			for _, step := range s.steps {
				shown += step.details + step.options.Summary
			}
			for _, envelope := range []string{sealedGrant, sealedPair} {
				require.NotContains(t, shown, envelope)
				require.NotContains(t, shown, base64.StdEncoding.EncodeToString([]byte(envelope)))
			}
		})
	}
}

func TestRunsAreFoundByAccountProviderAndHealth(t *testing.T) {
	s := newScenario(t)
	_, err := s.refreshWith(workflows.Input{Account: "will"})
	require.NoError(t, err)
	require.Equal(t, []temporal.SearchAttributes{
		temporal.NewSearchAttributes(workflows.TokenAccount.ValueSet("will"), workflows.TokenProvider.ValueSet("fitbit"), workflows.TokenHealth.ValueSet("refreshing")),
		temporal.NewSearchAttributes(workflows.TokenHealth.ValueSet("healthy"), workflows.TokenUser.ValueSet(token.UserMark("fitbit", "USER-1"))),
	}, s.attributes)
}

// allAttributes is a namespace that has all search attributes.
var allAttributes = workflows.Attributes{Searchable: true, ConsentEnds: true, User: true}

func TestARunSetsOnlyTheSearchAttributesThatTheNamespaceHas(t *testing.T) {
	for name, c := range map[string]struct {
		has        workflows.Attributes
		ends, user bool
	}{
		"all of them":              {has: allAttributes, ends: true, user: true},
		"the first three":          {has: workflows.Attributes{Searchable: true}},
		"not the end of a grant":   {has: workflows.Attributes{Searchable: true, User: true}, user: true},
		"not the mark of the user": {has: workflows.Attributes{Searchable: true, ConsentEnds: true}, ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := ending(t, idleEnd, hardEnd)
			s.has = c.has
			_, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, []string{"healthy"}, s.health)
			require.Equal(t, c.ends, len(s.ends) > 0)
			marks := 0
			for _, a := range s.attributes {
				if _, has := a.GetKeyword(workflows.TokenUser); has {
					marks++
				}
			}
			require.Equal(t, c.user, marks > 0)
		})
	}
}

// Setting an attribute that a namespace lacks would block the run for ever.
func TestARunSetsNoSearchAttributeWhereTheNamespaceHasNone(t *testing.T) {
	for name, step := range map[string]string{"green": "", "failed": "call", "needs a consent": "recover"} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			s.has = workflows.Attributes{}
			s.failAt(step, forGood(activities.InvalidClient))
			_, _ = s.refresh()
			require.Empty(t, s.attributes)
		})
	}
}
