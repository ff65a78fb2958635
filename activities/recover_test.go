package activities_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func (s *system) recover(lost activities.RecoverInput) (activities.RecoverResult, error) {
	return perform[activities.RecoverResult](s, attempt{run: "run-now"}, "RecoverGrant", lost)
}

func TestTheVaultIsTheFirstStepOfARecovery(t *testing.T) {
	s := newSystem(t)
	spent := s.mustLoad()
	called := s.issued()
	_, err := s.store(called)
	require.NoError(t, err)
	recovery, err := s.recover(activities.RecoverInput{LoadResult: spent})
	require.NoError(t, err)
	require.Equal(t, activities.RecoverResult{Account: account, Found: activities.FoundInVault, Generation: 1}, recovery)
	require.Empty(t, s.temporal.read, "no history needs to be read")
	s.requireNewestIs(called)
}

func TestAPairInAnEarlierRunsHistoryIsStored(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	called := s.issued()
	s.temporal.runs = []earlierRun{{id: "run-now"}, {id: "run-3"}, {id: "run-2", called: []activities.RefreshResult{called}}, {id: "run-1"}}
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, activities.FoundInHistory, recovery.Found)
	require.Equal(t, 3, recovery.Searched, "the run's own history is not one of them")
	require.Equal(t, "run-2", recovery.FoundIn)
	require.Equal(t, called.Provenance, recovery.Called.Provenance)
	require.Equal(t, s.vault.All("RefreshToken")[1].Version, recovery.Stored.RefreshTokenVersion)
	s.requireHeldIsLive()
	require.NotContains(t, s.temporal.read, "run-now")
	require.Equal(t, []string{"recovered"}, s.metrics.stored)
}

func TestOfSeveralPairsTheNewestIsStored(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	older, newer := s.issuedTwice()
	s.temporal.runs = []earlierRun{{id: "run-2", called: []activities.RefreshResult{older}}, {id: "run-1", called: []activities.RefreshResult{newer}}}
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, newer.Provenance, recovery.Called.Provenance)
	s.requireNewestIs(newer)
}

func TestARecoveredAccessTokenThatIsTooLongIsNamed(t *testing.T) {
	s := newSystemWith(t, issuing(t, 30000))
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	s.temporal.runs = []earlierRun{{id: "run-1", called: []activities.RefreshResult{s.issued()}}}
	_, err := s.recover(lost)
	require.Contains(t, requireFailure(t, err, activities.MalformedSecret, true), "has 30000 bytes, and Key Vault takes 25600; the refresh token is stored")
	require.Equal(t, canary+"next", s.held())
}

// issuedTwice is a pair and the one that its refresh token was spent for, in a
// vault that has neither.
func (s *system) issuedTwice() (older, newer activities.RefreshResult) {
	s.t.Helper()
	older = s.issued()
	real := s.Vault
	elsewhere := &memvault.Vault{}
	elsewhere.Put("FitbitCredentials", credentials)
	s.Vault = vault.New(elsewhere)
	_, err := s.store(older)
	require.NoError(s.t, err)
	newer = s.issued()
	s.Vault = real
	return older, newer
}

func TestOnlyDescendantsOfTheLostGrantAreStored(t *testing.T) {
	for name, change := range map[string]func(*activities.RefreshResult){
		"another account":            func(c *activities.RefreshResult) { c.Account.Name = "will" },
		"another provider":           func(c *activities.RefreshResult) { c.Account.Provider = "google-health" },
		"another user":               func(c *activities.RefreshResult) { c.UserID = "USER-2" },
		"another consent":            func(c *activities.RefreshResult) { c.Provenance.Parent, c.Provenance.Consent = "f00d", "f00d" },
		"an answer without rotation": func(c *activities.RefreshResult) { c.Rotated = false },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			lost := activities.RecoverInput{LoadResult: s.mustLoad()}
			lost.UserID = "USER-1"
			called := s.issued()
			change(&called)
			s.temporal.runs = []earlierRun{{id: "run-1", called: []activities.RefreshResult{called}}}
			recovery, err := s.recover(lost)
			require.NoError(t, err)
			require.Equal(t, activities.RecoverResult{Account: account, Searched: 1}, recovery)
			require.Len(t, s.vault.All("RefreshToken"), 1)
		})
	}
}

func TestTheSearchEndsAtTheRunThatIssuedTheLostGrant(t *testing.T) {
	s := newSystem(t)
	first := s.issued()
	_, err := s.store(first)
	require.NoError(t, err)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	s.temporal.runs = []earlierRun{{id: "run-3"}, {id: "run-2", called: []activities.RefreshResult{first}}, {id: "run-1"}}
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, activities.RecoverResult{Account: account, Searched: 2}, recovery)
	require.Equal(t, []string{"run-3", "run-2"}, s.temporal.read)
}

func TestTheSearchIsBounded(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	for i := range 130 {
		s.temporal.runs = append(s.temporal.runs, earlierRun{id: fmt.Sprintf("run-%d", i)})
	}
	s.temporal.runs[129].called = []activities.RefreshResult{s.issued()} // too long ago
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, activities.RecoverResult{Account: account, Searched: 120}, recovery)
	require.Len(t, s.temporal.read, 120)
}

func TestAPairThatNoKeyOpensIsPassedOver(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	good := s.issued()
	spoilt := good
	spoilt.Provenance.Generation = 2
	s.temporal.runs = []earlierRun{{id: "run-2", called: []activities.RefreshResult{spoilt}}, {id: "run-1", called: []activities.RefreshResult{good}}}
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, good.Provenance, recovery.Called.Provenance)
	s.requireHeldIsLive()
	require.Contains(t, s.said.String(), "an earlier run holds a pair that no key opens")
}

func TestARunWhoseRetentionEndedIsPassedOver(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	s.temporal.runs = []earlierRun{
		{id: "run-2", err: serviceerror.NewNotFound("workflow execution history not found")},
		{id: "run-1", called: []activities.RefreshResult{s.issued()}},
	}
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, activities.FoundInHistory, recovery.Found)
}

func TestARecoveryThatCannotSearchIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(*system)
		kind   string
	}{
		"the vault is away":        {func(s *system) { s.refuse("list", "RefreshToken", vault.ErrUnavailable) }, "VaultNotReady"},
		"the list is away":         {func(s *system) { s.temporal.listErr = errors.New("unavailable") }, "HistoryNotReady"},
		"a history is away":        {func(s *system) { s.temporal.runs[0].err = errors.New("unavailable") }, "HistoryNotReady"},
		"the vault takes no write": {func(s *system) { s.refuse("set", "RefreshToken", vault.ErrReadOnly) }, "VaultNotReady"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			lost := activities.RecoverInput{LoadResult: s.mustLoad()}
			s.temporal.runs = []earlierRun{{id: "run-1", called: []activities.RefreshResult{s.issued()}}}
			c.breaks(s)
			_, err := s.recover(lost)
			requireFailure(t, err, c.kind, false)
		})
	}
}

func TestTheQueryAsksForWhatTheNamespaceCanSearch(t *testing.T) {
	const own = `WorkflowType = 'RefreshTokens' AND (WorkflowId = 'fitbit-token-refresh')`
	will := token.Account{Provider: "fitbit", Name: "will"}
	for _, c := range []struct {
		name       string
		lost       activities.RecoverInput
		searchable bool
		want       []string
	}{
		{"nothing but the workflow ID", activities.RecoverInput{}, false, []string{own}},
		{"other workflow IDs", activities.RecoverInput{WorkflowIDs: []string{"fitbit-token-refresh-will", "nightly"}}, false,
			[]string{`WorkflowType = 'RefreshTokens' AND (WorkflowId = 'fitbit-token-refresh-will' OR WorkflowId = 'nightly')`}},
		{"the runs of the intent record", activities.RecoverInput{LoadResult: activities.LoadResult{MayHaveSpent: []vault.Intent{{RunID: "run-8"}, {RunID: "run-9"}}}}, false,
			[]string{`WorkflowType = 'RefreshTokens' AND (RunId = 'run-9')`, `WorkflowType = 'RefreshTokens' AND (RunId = 'run-8')`, own}},
		{"the account", activities.RecoverInput{}, true,
			[]string{`WorkflowType = 'RefreshTokens' AND (WorkflowId = 'fitbit-token-refresh' OR (TokenAccount = 'will' AND TokenProvider = 'fitbit'))`}},
		{"a text that would end the literal", activities.RecoverInput{LoadResult: activities.LoadResult{MayHaveSpent: []vault.Intent{{RunID: `a' OR '\`}}}}, false,
			[]string{`WorkflowType = 'RefreshTokens' AND (RunId = 'a'' OR ''\\')`, own}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			s.Attributes.Searchable = c.searchable
			s.vault.Put("will-RefreshToken", canary+"will")
			loaded, err := perform[activities.LoadResult](s, attempt{}, "LoadSecrets", activities.LoadInput{Account: will})
			require.NoError(t, err)
			loaded.MayHaveSpent = c.lost.MayHaveSpent
			_, err = s.recover(activities.RecoverInput{LoadResult: loaded, WorkflowIDs: c.lost.WorkflowIDs})
			require.NoError(t, err)
			require.Equal(t, c.want, s.temporal.queries)
		})
	}
}

func TestTheRunsOfTheIntentRecordAreReadFirstAndOnce(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	lost.MayHaveSpent = []vault.Intent{{RunID: "run-elsewhere"}, {RunID: "run-2"}}
	called := s.issued()
	s.temporal.runs = []earlierRun{{id: "run-3"}, {id: "run-2"}, {id: "run-elsewhere", elsewhere: true, called: []activities.RefreshResult{called}}}
	recovery, err := s.recover(lost)
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
		{"it is not listed any more", []earlierRun{{id: "run-3"}, {id: "run-1"}}, activities.RecoverResult{Account: account, Searched: 2, Gone: []string{"run-2"}}},
		{"it is listed, and its history is gone", []earlierRun{{id: "run-3"}, {id: "run-2", err: notFound}, {id: "run-1"}}, activities.RecoverResult{Account: account, Searched: 2, Gone: []string{"run-2"}}},
		{"that of both runs", nil, activities.RecoverResult{Account: account, Gone: []string{"run-2", "run-1"}}},
		{"it is there and holds nothing", []earlierRun{{id: "run-2"}, {id: "run-1"}}, activities.RecoverResult{Account: account, Searched: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			lost := activities.RecoverInput{LoadResult: s.mustLoad()}
			lost.MayHaveSpent = []vault.Intent{{RunID: "run-1"}, {RunID: "run-2"}}
			s.temporal.runs = c.runs
			recovery, err := s.recover(lost)
			require.NoError(t, err)
			recovery.MayEnd, recovery.Callers = time.Time{}, nil
			require.Equal(t, c.want, recovery)
		})
	}
}

func TestARunDoesNotSuspectItself(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	lost.MayHaveSpent = []vault.Intent{{RunID: "run-now"}} // recover's own
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, activities.RecoverResult{Account: account}, recovery)
}

func TestARecoveryNamesItsAccount(t *testing.T) {
	will := token.Account{Provider: "fitbit", Name: "will"}
	s := newSystem(t)
	s.vault.Put("will-RefreshToken", canary+"will")
	loaded, err := perform[activities.LoadResult](s, attempt{}, "LoadSecrets", activities.LoadInput{Account: will})
	require.NoError(t, err)
	recovery, err := s.recover(activities.RecoverInput{LoadResult: loaded})
	require.NoError(t, err)
	require.Equal(t, will, recovery.Account)
}

func TestARunOnTheRecordKnowsOfThoseItsNewestLoadNames(t *testing.T) {
	names := func(runs ...string) (l activities.LoadResult) {
		for _, id := range runs {
			l.MayHaveSpent = append(l.MayHaveSpent, vault.Intent{RunID: id})
		}
		return l
	}
	for _, c := range []struct {
		name  string
		loads []any // the results of its loads
		want  bool
	}{
		{"it has loaded nothing yet", nil, false},
		{"its record was empty", []any{names()}, false},
		{"its record names another run", []any{names("run-8")}, false},
		{"its record names the run that asks", []any{names("run-8", "run-now")}, true},
		{"it knows since it has loaded again", []any{names(), names("run-now")}, true},
		{"it does not any more", []any{names("run-now"), names("run-8")}, false},
		{"it has loaded again by another version", []any{names("run-now"), "loaded"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			lost := activities.RecoverInput{LoadResult: s.mustLoad()}
			lost.MayHaveSpent = []vault.Intent{{RunID: "run-1"}}
			s.temporal.runs = []earlierRun{{id: "run-1", loads: c.loads}}
			recovery, err := s.recover(lost)
			require.NoError(t, err)
			require.Len(t, recovery.Callers, 1)
			require.Equal(t, c.want, recovery.Callers[0].Knows)
		})
	}
}

// The vault marks the token whose place a consent takes as dead, for good.
func TestAConsentThatWasWrittenOverTakesThePlaceOfADeadTokenOnly(t *testing.T) {
	for _, dead := range []bool{false, true} {
		s := newSystem(t)
		loaded := s.mustLoad()
		s.vault.Put("RefreshToken", canary+"other")
		top := s.vault.All("RefreshToken")[0]
		_, err := s.vault.Set(t.Context(), "RefreshToken", top.Value, top.Properties)
		require.NoError(t, err)
		recovery, err := s.recover(activities.RecoverInput{LoadResult: loaded, Dead: dead})
		require.NoError(t, err)
		require.Equal(t, dead, recovery.Found != "")
		require.Equal(t, dead, s.held() == canary+"other")
	}
}
