package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
)

func TestTheQueryAsksForWhatTheNamespaceCanSearch(t *testing.T) {
	const own = `WorkflowType = 'RefreshTokens' AND (WorkflowId = 'fitbit-token-refresh')`
	will := token.Account{Provider: "fitbit", Name: "will"}
	for _, c := range []struct {
		name string
		lost activities.RecoverInput
		want []string
	}{
		{"nothing but the workflow ID", activities.RecoverInput{}, []string{own}},
		{"other workflow IDs", activities.RecoverInput{WorkflowIDs: []string{"fitbit-token-refresh-will", "nightly"}},
			[]string{`WorkflowType = 'RefreshTokens' AND (WorkflowId = 'fitbit-token-refresh-will' OR WorkflowId = 'nightly')`}},
		{"the runs of the intent record", activities.RecoverInput{LoadResult: activities.LoadResult{EarlierIntentRunID: "run-9", OldestIntentRunID: "run-8"}},
			[]string{`WorkflowType = 'RefreshTokens' AND (RunId = 'run-9')`, `WorkflowType = 'RefreshTokens' AND (RunId = 'run-8')`, own}},
		{"the account", activities.RecoverInput{Searchable: true},
			[]string{`WorkflowType = 'RefreshTokens' AND (WorkflowId = 'fitbit-token-refresh' OR (TokenAccount = 'will' AND TokenProvider = 'fitbit'))`}},
		{"a text that would end the literal", activities.RecoverInput{LoadResult: activities.LoadResult{EarlierIntentRunID: `a' OR '\`}},
			[]string{`WorkflowType = 'RefreshTokens' AND (RunId = 'a'' OR ''\\')`, own}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			s.vault.Put("will-RefreshToken", canary+"will")
			loaded, err := perform[activities.LoadResult](s, attempt{}, "LoadSecrets", will)
			require.NoError(t, err)
			loaded.EarlierIntentRunID, loaded.OldestIntentRunID = c.lost.EarlierIntentRunID, c.lost.OldestIntentRunID
			_, err = s.climb(activities.RecoverInput{LoadResult: loaded, Searchable: c.lost.Searchable, WorkflowIDs: c.lost.WorkflowIDs})
			require.NoError(t, err)
			require.Equal(t, c.want, s.temporal.queries)
		})
	}
}

func TestTheRunsOfTheIntentRecordAreReadFirstAndOnce(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	lost.EarlierIntentRunID, lost.OldestIntentRunID = "run-2", "run-elsewhere"
	called := s.issued()
	s.temporal.runs = []earlierRun{{id: "run-3"}, {id: "run-2"}, {id: "run-elsewhere", elsewhere: true, called: []activities.RefreshResult{called}}}
	recovery, err := s.climb(lost)
	require.NoError(t, err)
	require.Equal(t, []string{"run-2", "run-elsewhere", "run-3"}, s.temporal.read)
	require.Equal(t, "run-elsewhere", recovery.FoundIn)
	require.Equal(t, 3, recovery.Searched)
	require.Empty(t, recovery.Gone)
}

func TestEvidenceThatIsGoneIsNamed(t *testing.T) {
	notFound := serviceerror.NewNotFound("workflow execution history not found")
	for _, c := range []struct {
		name string
		runs []earlierRun
		want activities.RecoverResult
	}{
		{"it is not listed any more", []earlierRun{{id: "run-3"}, {id: "run-1"}}, activities.RecoverResult{Searched: 2, Gone: []string{"run-2"}}},
		{"it is listed, and its history is gone", []earlierRun{{id: "run-3"}, {id: "run-2", err: notFound}, {id: "run-1"}}, activities.RecoverResult{Searched: 2, Gone: []string{"run-2"}}},
		{"that of both runs", nil, activities.RecoverResult{Gone: []string{"run-2", "run-1"}}},
		{"it is there and tells nothing", []earlierRun{{id: "run-2"}, {id: "run-1"}}, activities.RecoverResult{Searched: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			lost := activities.RecoverInput{LoadResult: s.mustLoad()}
			lost.EarlierIntentRunID, lost.OldestIntentRunID = "run-2", "run-1"
			s.temporal.runs = c.runs
			recovery, err := s.climb(lost)
			require.NoError(t, err)
			recovery.MayEnd = time.Time{}
			require.Equal(t, c.want, recovery)
		})
	}
}

func TestARunDoesNotSuspectItself(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	lost.EarlierIntentRunID = "run-now" // climb's own
	recovery, err := s.climb(lost)
	require.NoError(t, err)
	require.Empty(t, recovery)
}
