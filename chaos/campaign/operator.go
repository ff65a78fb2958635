package campaign

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/workflows"
)

// operator gives the commands of an impatient operator, by the requests that
// Temporal's CLI sends for them.
type operator struct {
	*workflowTarget
	flows    []*flow // of all accounts, in their order
	names    map[*flow]string
	choosing sync.Mutex
}

const (
	namespace = client.DefaultNamespace
	identity  = "operator"
	reason    = "an impatient operator"

	// commandWithin bounds one command, which may find Temporal away.
	commandWithin = 15 * time.Second
	// activityWithin is how long a command that needs an activity looks for one.
	activityWithin = 2 * time.Second
)

// errNothing: the command has found nothing that it applies to.
var errNothing = errors.New("nothing to do it to")

// operate gives the commands when each is due, and returns when every call that was
// paused goes on again.
func (w *workflowTarget) operate(ctx context.Context, commands []command) error {
	o := &operator{workflowTarget: w, names: map[*flow]string{}}
	for _, a := range w.accounts {
		for _, f := range a.flows {
			o.flows, o.names[f] = append(o.flows, f), a.name
		}
	}
	start := time.Now()
	var going sync.WaitGroup
	defer going.Wait()
	for _, c := range commands {
		if err := sleepUntil(ctx, start.Add(c.after)); err != nil {
			return err
		}
		going.Go(func() { o.give(ctx, c) })
	}
	going.Wait()
	return o.unpauseAll(ctx)
}

// give gives one command, and the unpause that follows a pause.
func (o *operator) give(ctx context.Context, c command) {
	f := o.choose(c)
	if f == nil {
		o.record(c.operation, errNothing)
		return
	}
	if c.operation != PauseActivity {
		o.record(c.operation, o.within(ctx, func(ctx context.Context) error { return o.do(ctx, c.operation, f) }))
		return
	}
	var paused *workflowservice.PauseActivityRequest
	o.record(PauseActivity, o.within(ctx, func(ctx context.Context) (err error) {
		paused, err = o.pause(ctx, f)
		return err
	}))
	if paused == nil {
		// Temporal may have paused it and been killed before it could say so.
		_ = o.within(ctx, func(ctx context.Context) error { return o.unpauseWhat(ctx, f) })
		o.record(UnpauseActivity, errNothing)
		return
	}
	_ = sleepUntil(ctx, time.Now().Add(c.lasts))
	f.struck(UnpauseActivity, time.Now())
	o.record(UnpauseActivity, o.within(ctx, func(ctx context.Context) error {
		return o.unpause(ctx, paused.GetExecution(), paused.GetId())
	}))
}

func (o *operator) within(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	return persist(ctx, func() error { return do(ctx) })
}

// choose finds the workflow for a command; nil where the command is allowed at none.
func (o *operator) choose(c command) *flow {
	o.choosing.Lock()
	defer o.choosing.Unlock()
	now := time.Now()
	var seen []view
	for _, a := range o.accounts {
		seen = append(seen, a.standings(now)...)
	}
	i := choose(c, seen)
	if i < 0 {
		return nil
	}
	o.flows[i].struck(c.operation, now)
	return o.flows[i]
}

// record counts a command. One that fails for another reason than that its run or
// activity is not there is the harness's fault, and is shown.
func (o *operator) record(what Operation, err error) {
	_, notFound := errors.AsType[*serviceerror.NotFound](err)
	_, started := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err)
	if err != nil && !notFound && !started && !errors.Is(err, errNothing) {
		o.logf("%s: %v", what, err)
	}
	o.count(func(r *Report) {
		r.Operations++
		if err != nil {
			r.Idle[what]++
			return
		}
		r.Commands[what]++
	})
}

func (o *operator) do(ctx context.Context, what Operation, f *flow) error {
	switch what {
	case Start:
		options := o.startOptions(f)
		options.WorkflowExecutionErrorWhenAlreadyStarted = true
		return o.started(f)(o.temporal.ExecuteWorkflow(ctx, options, workflows.Type, o.input(f)))
	case StartTerminating:
		options := o.startOptions(f)
		options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
		return o.started(f)(o.temporal.ExecuteWorkflow(ctx, options, workflows.Type, o.input(f)))
	case SignalWithStart:
		return o.started(f)(o.temporal.SignalWithStartWorkflow(ctx, f.id, workflows.RefreshNow, nil, o.startOptions(f), workflows.Type, o.input(f)))
	case Cancel:
		return o.temporal.CancelWorkflow(ctx, f.id, "")
	case Terminate:
		return o.temporal.TerminateWorkflow(ctx, f.id, "", reason)
	case ResetToFirstTask, ResetToLastTask:
		return o.reset(ctx, f, what == ResetToFirstTask)
	}
	execution, activity, err := o.pending(ctx, f)
	if err != nil {
		return err
	}
	switch what {
	case ResetActivity:
		_, err = o.temporal.WorkflowService().ResetActivity(ctx, &workflowservice.ResetActivityRequest{
			Namespace: namespace, Execution: execution, Identity: identity,
			Activity: &workflowservice.ResetActivityRequest_Id{Id: activity},
		})
	case FailActivity:
		// Without a type, as the CLI does.
		_, err = o.temporal.WorkflowService().RespondActivityTaskFailedById(ctx, &workflowservice.RespondActivityTaskFailedByIdRequest{
			Namespace: namespace, WorkflowId: execution.GetWorkflowId(), RunId: execution.GetRunId(), ActivityId: activity, Identity: identity,
			Failure: &failurepb.Failure{Message: reason, Source: "CLI", FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
				ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{NonRetryable: true},
			}},
		})
	case CompleteActivityEmpty:
		// As the SDK's client does, but with the identity that an end is explained by.
		var nothing *commonpb.Payloads
		if nothing, err = converter.GetDefaultDataConverter().ToPayloads(struct{}{}); err != nil {
			return err
		}
		_, err = o.temporal.WorkflowService().RespondActivityTaskCompletedById(ctx, &workflowservice.RespondActivityTaskCompletedByIdRequest{
			Namespace: namespace, WorkflowId: execution.GetWorkflowId(), RunId: execution.GetRunId(), ActivityId: activity, Identity: identity, Result: nothing,
		})
	default:
		err = fmt.Errorf("%q is no operation", what)
	}
	return err
}

func (o *operator) input(f *flow) workflows.Input { return workflows.Input{Account: o.names[f]} }

// started takes note of a run that a command has started.
func (o *operator) started(f *flow) func(client.WorkflowRun, error) error {
	return func(run client.WorkflowRun, err error) error {
		if err == nil {
			f.ran(run.GetRunID())
		}
		return err
	}
}

// reset resets the latest run, open or closed, as the CLI's --type FirstWorkflowTask
// and LastWorkflowTask do.
func (o *operator) reset(ctx context.Context, f *flow, first bool) error {
	d, err := o.temporal.DescribeWorkflowExecution(ctx, f.id, "")
	if err != nil {
		return err
	}
	execution := d.GetWorkflowExecutionInfo().GetExecution()
	var task int64
	events := o.temporal.GetWorkflowHistory(ctx, f.id, execution.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() && (task == 0 || !first) {
		e, err := events.Next()
		if err != nil {
			return err
		}
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			task = e.GetEventId()
		}
	}
	if task == 0 {
		return errNothing
	}
	answer, err := o.temporal.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: namespace, WorkflowExecution: execution, Reason: reason, WorkflowTaskFinishEventId: task,
		RequestId: rand.Text(), Identity: identity,
	})
	if err == nil {
		f.ran(answer.GetRunId())
	}
	return err
}

// pending is an activity of the run that is open, for which it waits a moment.
func (o *operator) pending(ctx context.Context, f *flow) (*commonpb.WorkflowExecution, string, error) {
	for deadline := time.Now().Add(activityWithin); ; {
		execution, activities, err := o.activities(ctx, f)
		if err != nil {
			return nil, "", err
		}
		if len(activities) > 0 {
			return execution, activities[0].GetActivityId(), nil
		}
		if time.Now().After(deadline) {
			return nil, "", errNothing
		}
		if err := sleepUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return nil, "", err
		}
	}
}

// activities are those that the latest run waits for.
func (o *operator) activities(ctx context.Context, f *flow) (*commonpb.WorkflowExecution, []*workflowpb.PendingActivityInfo, error) {
	d, err := o.temporal.DescribeWorkflowExecution(ctx, f.id, "")
	return d.GetWorkflowExecutionInfo().GetExecution(), d.GetPendingActivities(), err
}

func (o *operator) pause(ctx context.Context, f *flow) (*workflowservice.PauseActivityRequest, error) {
	execution, activity, err := o.pending(ctx, f)
	if err != nil {
		return nil, err
	}
	request := &workflowservice.PauseActivityRequest{
		Namespace: namespace, Execution: execution, Identity: identity, Reason: reason, RequestId: rand.Text(),
		Activity: &workflowservice.PauseActivityRequest_Id{Id: activity},
	}
	_, err = o.temporal.WorkflowService().PauseActivity(ctx, request)
	if err != nil {
		return nil, err
	}
	return request, nil
}

func (o *operator) unpause(ctx context.Context, execution *commonpb.WorkflowExecution, activity string) error {
	_, err := o.temporal.WorkflowService().UnpauseActivity(ctx, &workflowservice.UnpauseActivityRequest{
		Namespace: namespace, Execution: execution, Identity: identity,
		Activity: &workflowservice.UnpauseActivityRequest_Id{Id: activity},
	})
	return err
}

// unpauseAll leaves no activity paused, also where an unpause has met a server that
// was away.
func (o *operator) unpauseAll(ctx context.Context) error {
	for _, f := range o.flows {
		err := persist(ctx, func() error { return o.unpauseWhat(ctx, f) })
		if _, notFound := errors.AsType[*serviceerror.NotFound](err); err != nil && !notFound {
			return fmt.Errorf("unpause the activities of %s: %w", f.id, err)
		}
	}
	return nil
}

// unpauseWhat unpauses what is paused of a workflow's latest run.
func (o *operator) unpauseWhat(ctx context.Context, f *flow) error {
	execution, activities, err := o.activities(ctx, f)
	for _, a := range activities {
		if a.GetPaused() {
			err = errors.Join(err, o.unpause(ctx, execution, a.GetActivityId()))
		}
	}
	return err
}
