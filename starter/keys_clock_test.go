package main

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// oneRun is a Temporal with one open run, which holds a pair.
type oneRun struct {
	client.Client
	pair  activities.RefreshResult
	asked time.Time // first
}

func (r *oneRun) ListWorkflow(_ context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	if r.asked.IsZero() {
		r.asked = time.Now()
	}
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	if !bytes.HasSuffix([]byte(request.GetQuery()), []byte("ExecutionStatus = 'Completed'")) {
		answer.Executions = []*workflowpb.WorkflowExecutionInfo{{
			Execution: &commonpb.WorkflowExecution{WorkflowId: "run-of-will", RunId: "run"}, Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		}}
	}
	return answer, nil
}

func (r *oneRun) GetWorkflowHistory(context.Context, string, string, bool, enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	return &oneEvent{pair: r.pair}
}

type oneEvent struct {
	pair activities.RefreshResult
	over bool
}

func (e *oneEvent) HasNext() bool { return !e.over }

func (e *oneEvent) Next() (*historypb.HistoryEvent, error) {
	e.over = true
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(e.pair)
	return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{
		ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{Result: payloads},
	}}, err
}

// newKeysApp has a keyset of one key, and a run whose pair is sealed with it.
func newKeysApp(t *testing.T) (a keysApp, secrets *memvault.Vault, first seal.KeyID, runs *oneRun) {
	t.Helper()
	secrets = &memvault.Vault{}
	keysets := vault.NewKeysets(secrets)
	keyring := seal.New(keysets)
	_, err := keyring.Create(t.Context())
	require.NoError(t, err)
	runs = &oneRun{pair: activities.RefreshResult{Account: token.Account{Provider: "fitbit", Name: "will"}, Rotated: true}}
	runs.pair.Pair, err = keyring.Seal(t.Context(), seal.Binding{Kind: "pair", Account: runs.pair.Account}, []byte("fake"))
	require.NoError(t, err)
	first, _ = seal.KeyOf(runs.pair.Pair)
	output := printer{out: &bytes.Buffer{}, notes: &bytes.Buffer{}, warnings: &bytes.Buffer{}}
	a = keysApp{vaultApp: &vaultApp{
		Service: consent.Service{Vault: vault.New(secrets), Keysets: keysets, Keyring: keyring, PendingStore: consent.PendingStore{Dir: t.TempDir(), Keyring: keyring}},
		printer: output,
		withTemporal: func(do func(context.Context, *temporalApp) error) error {
			return do(t.Context(), &temporalApp{temporal: runs, address: "127.0.0.1:7233", namespace: "default", taskQueue: "token-refresh", printer: output})
		},
	}, providers: provider.Table{}}
	return a, secrets, first, runs
}

// keysetsWritten are when the versions of the keyset were, from old to new.
func keysetsWritten(secrets *memvault.Vault) (at []time.Time) {
	for _, version := range secrets.All(seal.SecretName) {
		at = append(at, version.Created)
	}
	return at
}

func TestAKeySealsOnlyAfterEveryWorkerHasReadIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, secrets, _, _ := newKeysApp(t)
		answer, err := a.rotate(t.Context(), false)
		require.NoError(t, err)
		require.True(t, answer.Promoted)
		at := keysetsWritten(secrets)
		require.Len(t, at, 3)
		require.GreaterOrEqual(t, at[2].Sub(at[1]), seal.RotationPause)
	})
}

// Another machine's rotation was interrupted just now.
func TestARotationThatGoesOnWaitsForTheWorkersToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, secrets, _, _ := newKeysApp(t)
		_, err := seal.New(vault.NewKeysets(secrets)).AddKey(t.Context())
		require.NoError(t, err)
		answer, err := a.rotate(t.Context(), false)
		require.NoError(t, err)
		require.True(t, answer.Resumed)
		at := keysetsWritten(secrets)
		require.Len(t, at, 3)
		require.GreaterOrEqual(t, at[2].Sub(at[1]), seal.RotationPause)
	})
}

// A worker may seal with the old key until it has read that another one does, so that the
// runs are looked at only then.
func TestAKeyThatARunNeedsIsNotRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, secrets, first, runs := newKeysApp(t)
		_, err := a.rotate(t.Context(), false)
		require.NoError(t, err)
		promoted := time.Now()

		answer, err := a.retire(t.Context(), first, retireOptions{noRuns: true})
		var attention needsAttention
		require.ErrorAs(t, err, &attention)
		require.Len(t, answer.Needed, 1)
		require.Equal(t, searchedRuns{Runs: 1, Address: "127.0.0.1:7233", Namespace: "default", TaskQueue: "token-refresh"}, answer.Searched)
		require.Len(t, keysetsWritten(secrets), 3, "nothing was changed")
		require.GreaterOrEqual(t, runs.asked.Sub(promoted), seal.RotationPause)
	})
}

// A version's id is what the vault says it is.
func TestACommandThatIsPrintedQuotesTheVersion(t *testing.T) {
	require.Contains(t, disableVersion("0a1b2c"), " --version 0a1b2c --enabled false")
	require.Contains(t, disableVersion("1; rm -r ~"), " --version '1; rm -r ~' --enabled false")
	attention := troubleOf(seal.Report{Malformed: true, Versions: []seal.VersionReport{{ID: "$(id)"}}})
	require.ErrorContains(t, attention, "--version '$(id)'")
}
