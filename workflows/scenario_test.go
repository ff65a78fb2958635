package workflows_test

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	sdkinterceptor "go.temporal.io/sdk/interceptor"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// scenario is one run of RefreshTokens, with stand-ins for the activities and
// skipped time. A stand-in is given the number of its call, from 1.
type scenario struct {
	*testsuite.TestWorkflowEnvironment
	recorder
	t   *testing.T
	has workflows.Attributes // the namespace

	load    func(n int, a token.Account) (activities.LoadResult, error)
	loadAs  func(n int, in activities.LoadInput) (activities.LoadResult, error)
	read    func(n int, a token.Account) (activities.LoadResult, error)
	call    func(n int, in activities.LoadResult) (activities.RefreshResult, error)
	store   func(n int, c activities.RefreshResult) (activities.StoreResult, error)
	recover func(n int, lost activities.RecoverInput) (activities.RecoverResult, error)
	alert   func(n int, notice activities.AlertInput) error
	cause   string         // what an alert's answer adds to its message
	byHand  map[string]any // the results of activities that an operator completes

	mu      sync.Mutex
	calls   map[string]int
	inputs  map[string][]any
	notices []activities.AlertInput
}

// newScenario is a run in which everything goes well, until a test says otherwise.
func newScenario(t *testing.T) *scenario {
	s := withoutActivities(t)
	s.load = func(_ int, a token.Account) (activities.LoadResult, error) { return loaded(a, 4), nil }
	s.loadAs = func(n int, in activities.LoadInput) (activities.LoadResult, error) { return s.load(n, in.Account) }
	s.read = readOnly
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) { return issuedFor(in), nil }
	s.store = func(int, activities.RefreshResult) (activities.StoreResult, error) { return stored(), nil }
	s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
		return activities.RecoverResult{Searched: 3}, nil
	}
	s.alert = func(int, activities.AlertInput) error { return nil }
	load := func(n int, in activities.LoadInput) (activities.LoadResult, error) {
		l, err := s.loadAs(n, in)
		l.Attributes = s.has
		return l, err
	}
	standIn(s, "LoadSecrets", &load)
	standIn(s, "ReadGrant", &s.read)
	standIn(s, "CallFitbit", &s.call)
	standIn(s, "StoreSecrets", &s.store)
	recovery := func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
		r, err := s.recover(n, lost)
		return accountingFor(r, lost), err
	}
	standIn(s, "RecoverGrant", &recovery)
	alert := func(n int, notice activities.AlertInput) (activities.AlertResult, error) {
		s.mu.Lock()
		s.notices = append(s.notices, notice)
		s.mu.Unlock()
		return activities.AlertResult{Message: notice.Message + s.cause}, s.alert(n, notice)
	}
	standIn(s, "Alert", &alert)
	return s
}

func withoutActivities(t *testing.T) *scenario {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	s := &scenario{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(),
		t:                       t,
		has:                     allAttributes,
		calls:                   map[string]int{},
		byHand:                  map[string]any{},
		inputs:                  map[string][]any{},
	}
	s.SetTestTimeout(patience)
	// As a worker does, once in a while, with a run that is still at work then.
	s.RegisterDelayedCallback(func() { s.SignalWorkflow(workflows.Overdue, nil) }, workflows.OverdueAfter+20*time.Second)
	s.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: patience, Interceptors: []sdkinterceptor.WorkerInterceptor{&s.recorder}})
	return s
}

func standIn[In, Out any](s *scenario, name string, answer *func(int, In) (Out, error)) {
	s.RegisterActivityWithOptions(func(_ context.Context, in In) (any, error) {
		s.mu.Lock()
		s.calls[name]++
		n := s.calls[name]
		s.inputs[name] = append(s.inputs[name], in)
		s.mu.Unlock()
		if result, byHand := s.byHand[name]; byHand {
			return result, nil
		}
		return (*answer)(n, in)
	}, activity.RegisterOptions{Name: name})
}

// accountingFor adds the account to a recovery, and to one that names no run the runs on
// the record, as closed ones.
func accountingFor(r activities.RecoverResult, lost activities.RecoverInput) activities.RecoverResult {
	r.Account = lost.Account
	if r.Callers != nil || r.Gone != nil {
		return r
	}
	for _, i := range lost.MayHaveSpent {
		r.Callers = append(r.Callers, activities.Caller{RunID: i.RunID, State: activities.Closed})
	}
	return r
}

// refresh runs the workflow for the default account.
func (s *scenario) refresh() (workflows.Result, error) { return s.refreshWith(workflows.Input{}) }

func (s *scenario) refreshWith(in ...any) (result workflows.Result, err error) {
	s.t.Helper()
	w := &workflows.Workflows{Attributes: s.has}
	s.RegisterWorkflowWithOptions(w.RefreshTokens, workflow.RegisterOptions{Name: workflows.Type})
	s.ExecuteWorkflow(workflows.Type, in...)
	require.True(s.t, s.IsWorkflowCompleted(), "the run must come to an end")
	if err := s.GetWorkflowError(); err != nil {
		return workflows.Result{}, err
	}
	require.NoError(s.t, s.GetWorkflowResult(&result))
	return result, nil
}

// first is what an activity was given when it was first called.
func first[In any](s *scenario, name string) In {
	s.t.Helper()
	require.NotEmpty(s.t, s.inputs[name], name+" must have been called")
	return s.inputs[name][0].(In)
}

// step is an activity or a timer that a run has asked for.
type step struct {
	name    string
	input   any
	options workflow.ActivityOptions
	timer   time.Duration
	details string // the run's details at the time
	vain    bool   // it was asked for in a cancelled context, and a server never sees it
}

// recorder writes down what a run asks for.
type recorder struct {
	sdkinterceptor.WorkerInterceptorBase
	steps      []step
	health     []string
	attributes []temporal.SearchAttributes
	ends       []time.Time // the values of TokenConsentEnds; zero where it was unset
	closing    string      // the details that the run ended with
	unread     int         // signals that the run left in its channel
	wasReset   bool        // the run is one that was reset
	// instead, where set, answers an activity in place of the environment.
	instead func(ctx workflow.Context, name string) workflow.Future
}

// order is the activities that the run asked for.
func (r *recorder) order() []string {
	var names []string
	for _, s := range r.steps {
		if s.timer == 0 {
			names = append(names, s.name)
		}
	}
	return names
}

func (r *recorder) step(t *testing.T, name string) step {
	t.Helper()
	i := slices.IndexFunc(r.steps, func(s step) bool { return s.name == name })
	require.GreaterOrEqual(t, i, 0, name+" must have been asked for")
	return r.steps[i]
}

func (r *recorder) InterceptWorkflow(_ workflow.Context, next sdkinterceptor.WorkflowInboundInterceptor) sdkinterceptor.WorkflowInboundInterceptor {
	in := &inbound{recorder: r}
	in.Next = next
	return in
}

type inbound struct {
	sdkinterceptor.WorkflowInboundInterceptorBase
	recorder *recorder
}

func (in *inbound) Init(next sdkinterceptor.WorkflowOutboundInterceptor) error {
	out := &outbound{recorder: in.recorder}
	out.Next = next
	return in.Next.Init(out)
}

func (in *inbound) ExecuteWorkflow(ctx workflow.Context, input *sdkinterceptor.ExecuteWorkflowInput) (any, error) {
	result, err := in.Next.ExecuteWorkflow(ctx, input)
	in.recorder.closing = workflow.GetCurrentDetails(ctx)
	in.recorder.unread = workflow.GetSignalChannel(ctx, workflows.RefreshNow).Len() + workflow.GetSignalChannel(ctx, workflows.Overdue).Len()
	return result, err
}

type outbound struct {
	sdkinterceptor.WorkflowOutboundInterceptorBase
	recorder *recorder
}

// GetInfo adds what the environment leaves out: a run that was not reset.
func (out *outbound) GetInfo(ctx workflow.Context) *workflow.Info {
	info := *out.Next.GetInfo(ctx)
	info.OriginalRunID = info.WorkflowExecution.RunID
	if out.recorder.wasReset {
		info.OriginalRunID = "run-before-the-reset"
	}
	return &info
}

func (out *outbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	r := out.recorder
	r.steps = append(r.steps, step{name: name, input: args[0], options: workflow.GetActivityOptions(ctx), details: workflow.GetCurrentDetails(ctx), vain: ctx.Err() != nil})
	if r.instead != nil {
		if future := r.instead(ctx, name); future != nil {
			return future
		}
	}
	return out.Next.ExecuteActivity(forEver(ctx), name, args...)
}

// forEver means what it says: the test environment takes unlimited attempts for ten, and holds
// an attempt's heartbeats against the machine's clock, which goes on where a test is starved.
func forEver(ctx workflow.Context) workflow.Context {
	options := workflow.GetActivityOptions(ctx)
	options.HeartbeatTimeout = 0
	if policy := *options.RetryPolicy; policy.MaximumAttempts == 0 {
		policy.MaximumAttempts = math.MaxInt32
		options.RetryPolicy = &policy
	}
	return workflow.WithActivityOptions(ctx, options)
}

func (out *outbound) NewTimer(ctx workflow.Context, d time.Duration) workflow.Future {
	r := out.recorder
	name := "timer"
	if d == 10*time.Minute {
		name = "overdue" // a run has one that has alerted once
	}
	r.steps = append(r.steps, step{name: name, timer: d, details: workflow.GetCurrentDetails(ctx)})
	return out.Next.NewTimer(ctx, d)
}

func (out *outbound) UpsertTypedSearchAttributes(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) error {
	attributes := temporal.NewSearchAttributes(updates...)
	out.recorder.attributes = append(out.recorder.attributes, attributes)
	if health, ok := attributes.GetKeyword(workflows.TokenHealth); ok {
		out.recorder.health = append(out.recorder.health, health)
	}
	// The SDK shows no attribute that is unset, only that it is gone.
	before := time.Unix(0, 0).UTC()
	after := temporal.NewSearchAttributes(append([]temporal.SearchAttributeUpdate{workflows.TokenConsentEnds.ValueSet(before)}, updates...)...)
	if end, _ := after.GetTime(workflows.TokenConsentEnds); !end.Equal(before) {
		out.recorder.ends = append(out.recorder.ends, end.UTC())
	}
	return out.Next.UpsertTypedSearchAttributes(ctx, updates...)
}

// told are the alerts and the ends of alerts, in their order.
func (s *scenario) told() (told []string) {
	for _, notice := range s.notices {
		switch {
		case notice.Perhaps:
			told = append(told, "healed "+notice.Reason+" perhaps")
		case notice.Healed:
			told = append(told, "healed "+notice.Reason)
		default:
			told = append(told, "raised "+notice.Reason)
		}
	}
	return told
}
