package workflows_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/webhook"
	"tokenkeeper/workflows"
)

// incidentRun runs TokenIncident with receivers that answer as a test says.
type incidentRun struct {
	*testsuite.TestWorkflowEnvironment
	mu     sync.Mutex
	sent   map[string][]incident.Event
	answer func(receiver string, e incident.Event) error
	stop   []string
}

func newIncidentRun() *incidentRun {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r := &incidentRun{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), sent: map[string][]incident.Event{},
		answer: func(string, incident.Event) error { return nil }}
	r.SetTestTimeout(patience)
	r.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: patience})
	var acts *activities.Activities
	r.RegisterActivity(acts.NotifyReceiver)
	r.RegisterActivity(acts.CheckIncident)
	r.OnActivity(acts.NotifyReceiver, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.NotifyInput) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err := r.answer(in.Receiver, in.Event); err != nil {
			return err
		}
		r.sent[in.Receiver] = append(r.sent[in.Receiver], in.Event)
		return nil
	})
	r.OnActivity(acts.CheckIncident, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.CheckInput) (activities.CheckResult, error) {
		return activities.CheckResult{Over: r.stop}, nil
	})
	return r
}

func (r *incidentRun) reportAfter(after time.Duration, report incident.Report) {
	r.RegisterDelayedCallback(func() { r.SignalWorkflow(incident.Change, report) }, after)
}

func (r *incidentRun) run(receivers ...string) error {
	return r.runWith(incident.Input{Provider: "fitbit", Reason: "CallStuck", Receivers: receivers})
}

func (r *incidentRun) runWith(in incident.Input) error {
	w := &workflows.Workflows{}
	r.RegisterWorkflowWithOptions(w.TokenIncident, workflow.RegisterOptions{Name: incident.Type})
	r.ExecuteWorkflow(incident.Type, in)
	return r.GetWorkflowError()
}

// kinds are the events that a receiver has taken, with their counts.
func (r *incidentRun) kinds(receiver string) (kinds []string) {
	for _, e := range r.sent[receiver] {
		kinds = append(kinds, fmt.Sprint(e.Kind, " ", e.Accounts))
	}
	return kinds
}

func TestOneIncidentIsToldOnceAndItsEndOnce(t *testing.T) {
	r := newIncidentRun()
	r.reportAfter(0, incident.Report{Account: "fitbit/will", Message: "it hangs"})
	r.reportAfter(time.Second, incident.Report{Account: "fitbit/anna", Message: "it hangs"})
	r.reportAfter(time.Second, incident.Report{Account: "fitbit/will", Message: "it hangs"})
	r.reportAfter(time.Hour, incident.Report{Account: "fitbit/will", Healed: true})
	r.reportAfter(2*time.Hour, incident.Report{Account: "fitbit/anna", Healed: true})
	require.NoError(t, r.run("ops", "chat"))
	require.Equal(t, []string{"raised 2", "healed 2"}, r.kinds("ops"))
	require.Equal(t, r.sent["ops"], r.sent["chat"], "the same events, with the same ids")
}

// A receiver that is away for minutes gets its events late and in order, and another one at
// once.
func TestOneReceiversTroubleHoldsUpNoOther(t *testing.T) {
	r := newIncidentRun()
	began := r.Now()
	var chatAt []time.Duration
	r.answer = func(receiver string, e incident.Event) error {
		if receiver == "ops" && r.Now().Sub(began) < 3*time.Minute {
			return temporal.NewApplicationError("answers 500", "ReceiverFailed")
		}
		if receiver == "chat" {
			chatAt = append(chatAt, r.Now().Sub(began))
		}
		return nil
	}
	r.reportAfter(0, incident.Report{Account: "fitbit/will", Message: "it hangs"})
	r.reportAfter(time.Minute, incident.Report{Account: "fitbit/will", Healed: true})
	require.NoError(t, r.run("ops", "chat"))
	require.Equal(t, []string{"raised 1", "healed 1"}, r.kinds("ops"))
	require.Equal(t, []string{"raised 1", "healed 1"}, r.kinds("chat"))
	require.Less(t, chatAt[0], time.Minute)
	require.Less(t, chatAt[1], 2*time.Minute)
}

func TestAReceiverThatIsGoneIsNotToldTheEnd(t *testing.T) {
	r := newIncidentRun()
	asked := 0
	r.answer = func(receiver string, _ incident.Event) error {
		if receiver == "ops" {
			asked++
			return temporal.NewNonRetryableApplicationError("answers 410", activities.ReceiverGone, nil)
		}
		return nil
	}
	r.reportAfter(0, incident.Report{Account: "fitbit/will", Message: "it hangs"})
	r.reportAfter(time.Hour, incident.Report{Account: "fitbit/will", Healed: true})
	require.NoError(t, r.run("ops", "chat"))
	require.Equal(t, 1, asked)
	require.Equal(t, []string{"raised 1", "healed 1"}, r.kinds("chat"))
}

func TestAnAccountThatNothingRefreshesIsDropped(t *testing.T) {
	r := newIncidentRun()
	r.stop = []string{"fitbit/will"}
	r.reportAfter(0, incident.Report{Account: "fitbit/will", Message: "it hangs", Workflow: "fitbit-token-refresh-will"})
	require.NoError(t, r.run("ops"))
	require.Equal(t, []string{"raised 1", "healed 1"}, r.kinds("ops"))
}

func TestAnOperatorWhoCancelsAnIncidentEndsIt(t *testing.T) {
	r := newIncidentRun()
	r.reportAfter(0, incident.Report{Account: "fitbit/will", Message: "it hangs"})
	r.RegisterDelayedCallback(r.CancelWorkflow, time.Hour)
	require.NoError(t, r.run("ops"))
	require.Equal(t, []string{"raised 1", "healed 1"}, r.kinds("ops"))
}

// A run with a long history hands over to another one: what was told stays told, under
// ids that go on, and what was not taken yet is sent by the next run.
func TestALongIncidentGoesOnInAnotherRun(t *testing.T) {
	before := newIncidentRun()
	before.answer = func(receiver string, _ incident.Event) error {
		if receiver == "chat" {
			return temporal.NewApplicationError("answers 500", "ReceiverFailed")
		}
		return nil
	}
	before.reportAfter(0, incident.Report{Account: "fitbit/will", Message: "it hangs", Workflow: "fitbit-token-refresh-will", Run: "run-1"})
	before.reportAfter(time.Second, incident.Report{Account: "fitbit/anna", Message: "it hangs"})
	before.RegisterDelayedCallback(func() { before.SetContinueAsNewSuggested(true) }, 5*time.Minute)
	before.reportAfter(5*time.Minute, incident.Report{Account: "fitbit/anna", Healed: true})
	err := before.run("ops", "chat")
	var goesOn *workflow.ContinueAsNewError
	require.ErrorAs(t, err, &goesOn)
	require.Equal(t, incident.Type, goesOn.WorkflowType.Name)
	require.Equal(t, []string{"raised 2"}, before.kinds("ops"))
	require.Empty(t, before.kinds("chat"))
	var carried incident.Input
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(goesOn.Input, &carried))
	require.Equal(t, "run-1", carried.Tally.Accounts["fitbit/will"].Run)
	require.Len(t, carried.Tally.Accounts, 1)

	after := newIncidentRun()
	after.reportAfter(time.Minute, incident.Report{Account: "fitbit/will", Healed: true})
	require.NoError(t, after.runWith(carried))
	require.Equal(t, []string{"healed 2"}, after.kinds("ops"))
	require.Equal(t, []string{"raised 2", "healed 2"}, after.kinds("chat"))
	require.Equal(t, before.sent["ops"][0].ID, after.sent["chat"][0].ID, "receivers see that it is the same")
	require.NotEqual(t, before.sent["ops"][0].ID, after.sent["ops"][0].ID)
}

func TestAnIncidentWithoutReceiversIsCountedAllTheSame(t *testing.T) {
	r := newIncidentRun()
	r.reportAfter(0, incident.Report{Account: "fitbit/will", Message: "it hangs"})
	r.reportAfter(time.Hour, incident.Report{Account: "fitbit/will", Healed: true})
	require.NoError(t, r.run())
	require.Empty(t, r.sent)
}

// inbox is a receiver that drops what it has seen, by its id.
type inbox struct {
	*httptest.Server
	mu   sync.Mutex
	seen []event.Event
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	b := &inbox{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e event.Event
		if body, err := io.ReadAll(r.Body); err != nil || e.UnmarshalJSON(body) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen = append(b.seen, e)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *inbox) types() (types []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.seen {
		types = append(types, e.Type())
	}
	return types
}

func TestAThousandAccountsOfAProviderAreOneIncident(t *testing.T) {
	t.Parallel()
	server := shared.Temporal(t)
	queue := fmt.Sprintf("incident-%d", time.Now().UnixNano())
	c, err := client.Dial(client.Options{HostPort: server.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	box := newInbox(t)
	sender := webhook.New([]webhook.Receiver{{Name: "ops", URL: token.NewSecret(box.URL), Secret: token.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}}, queue)
	reporter := &incident.Reporter{Temporal: c, TaskQueue: queue, Receivers: sender.Names()}
	w := worker.New(c, queue, worker.Options{})
	activities.New(activities.Dependencies{Incidents: reporter, Webhooks: sender, Log: slog.New(slog.DiscardHandler)}).Register(w)
	w.RegisterWorkflowWithOptions((&workflows.Workflows{}).TokenIncident, workflow.RegisterOptions{Name: incident.Type})

	const accounts = 1000
	id := incident.ID(queue, "fitbit", "InvalidClient")
	everyone := func(healed bool) {
		var all sync.WaitGroup
		for part := range 8 {
			all.Go(func() {
				for n := part; n < accounts; n += 8 {
					report := incident.Report{Account: fmt.Sprintf("fitbit/a%d", n), Healed: healed, Message: "the client secret is wrong"}
					if err := reporter.Report(t.Context(), "fitbit", "InvalidClient", report); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	}
	require.NoError(t, reporter.Report(t.Context(), "fitbit", "InvalidClient", incident.Report{Account: "fitbit/a0", Healed: true}), "the end of none begins none")
	everyone(false)
	// Else a machine that is starved reports some of them after the incident was told.
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	require.Eventually(t, func() bool { return len(box.types()) == 1 }, 2*time.Minute, 100*time.Millisecond)
	require.Equal(t, []string{"tokenkeeper.incident.raised"}, box.types())
	var told incident.Event
	require.NoError(t, box.seen[0].DataAs(&told))
	require.Equal(t, accounts, told.Accounts)
	described, err := c.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	require.Contains(t, string(described.GetWorkflowExecutionInfo().GetMemo().GetFields()[incident.Memo].GetData()), `"accounts":1000`)

	everyone(true)
	require.NoError(t, c.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
	require.Equal(t, []string{"tokenkeeper.incident.raised", "tokenkeeper.incident.healed"}, box.types())
	history := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		require.NoError(t, err)
		require.NotContains(t, e.String(), box.URL, "an address may be a secret")
		require.NotContains(t, e.String(), "whsec_")
	}
}
