package workflows_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// shared is what all tests of this package stand on.
var shared testenv.Shared

func TestMain(m *testing.M) { os.Exit(shared.Around(m).Run()) }

// cluster is a worker in this process over a real Temporal server, a vault over
// TLS and a provider over HTTP, with the accounts "default" and "will". Its task
// queue's name is unique and serves as workflow ID too.
type cluster struct {
	*testenv.System
	t         *testing.T
	client    client.Client
	namespace string
}

// newCluster works in a namespace that has all of the search attributes or none, and
// with a worker that knows that.
func newCluster(t *testing.T, searchable bool) *cluster {
	t.Helper()
	server := shared.Temporal(t)
	unique := fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	s, err := testenv.Start(t.Context(), testenv.Options{Dir: t.TempDir(), Temporal: server, TaskQueue: unique})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	require.NoError(t, s.CreateAccount(""))
	require.NoError(t, s.CreateAccount("will"))
	c := &cluster{System: s, t: t, namespace: "default"}
	if !searchable {
		c.namespace = unique
		createNamespace(t, server, c.namespace)
	}
	words := &activities.LastWords{}
	c.client, err = client.Dial(words.ClientOptions(client.Options{HostPort: s.Temporal.Address(), Namespace: c.namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))}))
	require.NoError(t, err)
	t.Cleanup(c.client.Close)

	var attributes workflows.Attributes
	if searchable {
		attributes = allAttributes
	}
	acts := c.activities(attributes, words)
	w := worker.New(c.client, unique, worker.Options{WorkerStopTimeout: activities.CallTimeout})
	acts.Register(w)
	w.RegisterWorkflowWithOptions((&workflows.Workflows{Attributes: attributes}).RefreshTokens, workflow.RegisterOptions{Name: workflows.Type})
	t.Cleanup(acts.Drain)
	start(t, w)
	for _, nonRotating := range []bool{false, true} {
		paced := worker.New(c.client, activities.PacedQueue(unique, nonRotating), worker.Options{DisableWorkflowWorker: true})
		acts.Register(paced)
		start(t, paced)
	}
	return c
}

func start(t *testing.T, w worker.Worker) {
	t.Helper()
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

func (c *cluster) activities(has workflows.Attributes, words *activities.LastWords) *activities.Activities {
	c.t.Helper()
	secrets, err := c.Secrets()
	require.NoError(c.t, err)
	table, err := c.Providers()
	require.NoError(c.t, err)
	ring := seal.New(vault.NewKeysets(secrets))
	_, err = ring.Create(c.t.Context())
	require.NoError(c.t, err)
	return activities.New(activities.Dependencies{
		Vault: vault.New(secrets), Keyring: ring, Providers: table, Client: provider.NewClient(nil),
		Temporal: c.client, Words: words, Metrics: unmeasured{}, Log: slog.New(slog.DiscardHandler), Attributes: has,
	})
}

// unmeasured is for tests without measures.
type unmeasured struct{}

func (unmeasured) Answered(context.Context, string, string)                   {}
func (unmeasured) Durable(context.Context, string, time.Duration)             {}
func (unmeasured) HeldBack(context.Context, string, string)                   {}
func (unmeasured) Escrowed(context.Context, string)                           {}
func (unmeasured) Breaker(context.Context, string, bool)                      {}
func (unmeasured) Stored(context.Context, token.Account, string, token.Issue) {}
func (unmeasured) Alerted(context.Context, token.Account, string)             {}

// createNamespace makes a namespace that has none of the search attributes.
func createNamespace(t *testing.T, server *temporal.Server, name string) {
	t.Helper()
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: server.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	defer namespaces.Close()
	require.NoError(t, namespaces.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)}))
	eventually(t, func() bool {
		_, err := namespaces.Describe(t.Context(), name)
		return err == nil
	})
}

// patience is for what happens in the end; a machine that is starved takes its time.
const patience = 2 * time.Minute

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 20*time.Millisecond)
}
