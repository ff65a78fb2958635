package activities_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// shared is what all tests of this package stand on.
var shared testenv.Shared

func TestMain(m *testing.M) { os.Exit(shared.Around(m).Run()) }

// cluster is a worker in this process over a real Temporal server, a vault over
// TLS and a provider over HTTP.
type cluster struct {
	*testenv.System
	t      *testing.T
	client client.Client
	sent   requests
	measured
}

// requests are those of the worker's connection to Temporal, by type.
type requests struct {
	mu        sync.Mutex
	count     map[string]int
	lastWords int // heartbeats of an attempt that has ended
	// refuse says which are not to reach the server.
	refuse func(request any, nth int) bool
}

func (r *requests) observe(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	kind := fmt.Sprintf("%T", request)
	r.mu.Lock()
	r.count[kind]++
	if beat, ok := request.(*workflowservice.RecordActivityTaskHeartbeatRequest); ok && strings.Contains(beat.GetDetails().String(), "attempt") {
		r.lastWords++
	}
	refused := r.refuse != nil && r.refuse(request, r.count[kind])
	r.mu.Unlock()
	if refused {
		return status.Error(codes.Unavailable, "connection refused")
	}
	return invoke(ctx, method, request, reply, connection, options...)
}

func (r *requests) refuseWhere(refuse func(request any, nth int) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

func (r *requests) lastWordsAlone() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastWords
}

// of is how many there were of the type of one.
func (r *requests) of(one any) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[fmt.Sprintf("%T", one)]
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	server := shared.Temporal(t)
	unique := fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	s, err := testenv.Start(t.Context(), testenv.Options{Dir: t.TempDir(), Temporal: server, TaskQueue: unique})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	require.NoError(t, s.CreateAccount(""))

	words := &activities.LastWords{}
	all := &cluster{System: s, t: t, sent: requests{count: map[string]int{}}}
	options := words.ClientOptions(client.Options{HostPort: server.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(all.sent.observe))
	c, err := client.Dial(options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	all.client = c
	secrets, err := s.Secrets()
	require.NoError(t, err)
	table, err := s.Providers()
	require.NoError(t, err)
	ring := seal.New(vault.NewKeysets(secrets))
	_, err = ring.Create(t.Context())
	require.NoError(t, err)
	acts := activities.New(activities.Dependencies{
		Vault: vault.New(secrets), Keyring: ring, Providers: table, Client: provider.NewClient(nil),
		Temporal: c, Words: words, Metrics: &all.measured, Attributes: activities.Attributes{Searchable: true}, Log: slog.New(slog.DiscardHandler),
	})
	w := worker.New(c, unique, worker.Options{WorkerStopTimeout: activities.CallTimeout, MaxHeartbeatThrottleInterval: time.Second})
	acts.Register(w)
	w.RegisterWorkflowWithOptions(interrupted, workflow.RegisterOptions{Name: "RefreshTokens"})
	w.RegisterWorkflow(stuck)
	require.NoError(t, w.Start())
	t.Cleanup(acts.Drain)
	t.Cleanup(w.Stop)
	return all
}

// interrupted is a refresh that stops before the pair is stored. With a lost
// grant it searches for its successor instead.
func interrupted(ctx workflow.Context, lost *activities.RecoverInput) (activities.RecoverResult, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: activities.CallTimeout})
	var recovery activities.RecoverResult
	if lost != nil {
		err := workflow.ExecuteActivity(ctx, "RecoverGrant", lost).Get(ctx, &recovery)
		return recovery, err
	}
	var loaded activities.LoadResult
	if err := workflow.ExecuteActivity(ctx, "LoadSecrets", activities.LoadInput{Account: account}).Get(ctx, &loaded); err != nil {
		return recovery, err
	}
	if err := workflow.ExecuteActivity(ctx, "CallFitbit", loaded).Get(ctx, nil); err != nil {
		return recovery, err
	}
	return recovery, workflow.Sleep(ctx, time.Hour)
}

// start runs the workflow under an ID that begins with the task queue's name.
func (c *cluster) start(id string, lost *activities.RecoverInput) client.WorkflowRun {
	c.t.Helper()
	run, err := c.client.ExecuteWorkflow(c.t.Context(), client.StartWorkflowOptions{ID: c.TaskQueue() + id, TaskQueue: c.TaskQueue()}, "RefreshTokens", lost)
	require.NoError(c.t, err)
	return run
}

// result decodes what an activity of a run returned; it waits until it has.
func result[Out any](c *cluster, run client.WorkflowRun, name string) (out Out) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		scheduled := map[int64]bool{}
		events := c.client.GetWorkflowHistory(c.t.Context(), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(c.t, err)
			if event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == name {
				scheduled[event.GetEventId()] = true
			}
			if done := event.GetActivityTaskCompletedEventAttributes(); scheduled[done.GetScheduledEventId()] {
				require.NoError(c.t, converter.GetDefaultDataConverter().FromPayloads(done.GetResult(), &out))
				return true
			}
		}
		return false
	}, patience, 20*time.Millisecond)
	return out
}

func (c *cluster) terminate(run client.WorkflowRun) {
	c.t.Helper()
	require.NoError(c.t, c.client.TerminateWorkflow(c.t.Context(), run.GetID(), run.GetRunID(), "by the test"))
}

// issued is a cluster and a run that was issued a pair, which is in its history alone. A
// server that is starved takes longer than a call waits before it puts the pair into the
// vault; then there is another try.
func issued(t *testing.T, id string) (c *cluster, run client.WorkflowRun, called activities.RefreshResult) {
	t.Helper()
	for range 3 {
		c = newCluster(t)
		run = c.start(id, nil)
		called = result[activities.RefreshResult](c, run, "CallFitbit")
		var first []string
		eventually(t, func() bool {
			first = c.durableIn()
			return len(first) > 0
		})
		c.terminate(run)
		if first[0] == "history" {
			return c, run, called
		}
	}
	require.FailNow(t, "the history never was first")
	return c, run, called
}

func TestAServerHasThePairBeforeTheVaultDoes(t *testing.T) {
	c, _, called := issued(t, "")
	require.Equal(t, c.Provider.Audit(testenv.UserOf("")).Live, called.Provenance.Fingerprint)
	require.Equal(t, 1, c.Provider.Stats().Total.Calls[authserver.Token], "completing oneself costs no attempt")
	for _, v := range c.Vault.Versions("RefreshToken") { // the worker's first load writes the token again
		require.Equal(t, called.Provenance.Parent, token.NewSecret(v.Value).Fingerprint())
	}
	require.Empty(t, c.Vault.Versions("AccessToken"))
}

func TestARunTerminatedDuringTheCallLeavesThePairInTheVault(t *testing.T) {
	c := newCluster(t)
	require.NoError(t, c.Provider.Inject(authserver.Fault{Hold: true}))
	run := c.start("", nil)
	eventually(t, func() bool { return c.Provider.Held("") == 1 })
	c.terminate(run)
	c.Provider.Release("")
	eventually(t, func() bool { return c.Provider.IsLive(c.Held("")) })
	require.Equal(t, 1, c.Provider.Audit(testenv.UserOf("")).Generation)
}

func TestAPairOfATerminatedRunIsFoundInItsHistory(t *testing.T) {
	for _, c := range []struct {
		name, id, other string
		intent          bool
	}{
		{name: "by the workflow ID", id: "same", other: "same"},
		{name: "by a workflow ID that needs quoting", id: "it's", other: "it's"},
		{name: "by the intent record where no query can say the workflow ID", id: `it's \`, other: `it's \`, intent: true},
		{name: "by the intent record", id: "scheduled-1", other: "scheduled-2", intent: true},
		{name: "not at all", id: "mine", other: "yours"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			s, run, called := issued(t, c.id)
			loaded := result[activities.LoadResult](s, run, "LoadSecrets")
			s.listed(run)

			lost := activities.RecoverInput{LoadResult: loaded}
			if c.intent {
				lost.MayHaveSpent = []vault.Intent{{RunID: run.GetRunID()}}
			}
			var recovery activities.RecoverResult
			require.NoError(t, s.start(c.other, &lost).Get(t.Context(), &recovery))
			if c.name == "not at all" {
				require.Equal(t, activities.RecoverResult{Account: lost.Account}, recovery)
				return
			}
			require.Equal(t, activities.FoundInHistory, recovery.Found)
			require.Equal(t, 1, recovery.Searched)
			require.Equal(t, called.Provenance, recovery.Called.Provenance)
			require.True(t, s.Provider.IsLive(s.Held("")))
		})
	}
}

// listed waits until the server lists a run as closed, which it does a little
// after closing it.
func (c *cluster) listed(run client.WorkflowRun) {
	c.t.Helper()
	eventually(c.t, func() bool {
		list, err := c.client.ListWorkflow(c.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "RunId = '" + run.GetRunID() + "' AND ExecutionStatus = 'Terminated'"})
		return err == nil && len(list.GetExecutions()) == 1
	})
}
