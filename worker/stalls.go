package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
	"tokenkeeper/workflows"
)

const (
	// stallsEvery is the least time between two checks of the queue's runs, and
	// stallsJitter what chance adds, so that many workers do not check at once.
	stallsEvery, stallsJitter = 30 * time.Second, 30 * time.Second
	// stallPage bounds the runs that one check lists, and stallSample those that it
	// describes: whatever the fleet, a check is one listing, and some reads more only
	// while runs are in progress for longer than stalledAfter.
	stallPage, stallSample = 100, 10
	// overAfter is how many checks in a row do not find a cause until it is over,
	// where a check sees only some of the runs: the others may stand still.
	overAfter = 3
	// failurePage is more events than usually follow a workflow task's failure in a
	// history, where further attempts leave none, and failurePages bounds the search.
	failurePage, failurePages = 50, 10
)

// stallMonitor logs runs of the worker's task queue that stand still because
// workflow code cannot run. Such a run cannot alert, so any worker of the queue
// does, once for each cause.
type stallMonitor struct {
	temporal   client.Client
	deployment config.Deployment
	namespace  string
	taskQueue  string
	metrics    interface {
		Stalled(ctx context.Context, cause string, runs int)
	}
	incident *fleetIncident
	log      *slog.Logger

	open  map[stall]stalledRuns
	page  []byte // of the runs, which the next check lists; nil for the first
	blind bool   // the last check failed
}

// stalledRuns are those of a cause that was reported and is not over.
type stalledRuns struct {
	example    *commonpb.WorkflowExecution
	runs       int
	said       string // by worker or server, for workflow tasks that fail
	reportedAt time.Time
	missed     int // checks in a row that have not found it
}

// sample is the runs that one check examines.
type sample struct {
	runs []*commonpb.WorkflowExecution
	all  bool // there are no others
}

// start sets the metric to 0 for every cause, so that the first incident is a
// change, and checks the runs until stop is called or ctx ends.
func (m *stallMonitor) start(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	m.open = map[stall]stalledRuns{}
	m.measure(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(stallsEvery + rand.N(stallsJitter)):
				m.check(ctx)
			}
		}
	}()
	return stop
}

// check surveys the queue once and reports what is new. A survey that fails changes
// nothing, neither the incidents nor the metric: it shows what was seen last.
func (m *stallMonitor) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, examined, err := m.survey(ctx)
	if ctx.Err() == context.Canceled {
		return
	}
	if err != nil {
		if !m.blind {
			m.log.Warn("cannot see whether runs stand still", "error", err)
		}
		m.blind = true
		return
	}
	m.blind = false
	m.report(ctx, found, examined)
	m.measure(ctx)
}

// survey examines the runs that were found last and a sample of the others.
func (m *stallMonitor) survey(ctx context.Context) (found map[stall]stalledRuns, examined sample, err error) {
	found = map[stall]stalledRuns{}
	examined, err = m.candidates(ctx)
	if err != nil || len(examined.runs) == 0 {
		return found, examined, err
	}
	queue, err := m.temporal.DescribeTaskQueue(ctx, m.taskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return nil, sample{}, fmt.Errorf("describe task queue %s: %w", m.taskQueue, err)
	}
	for _, run := range examined.runs {
		s, said, err := m.examine(ctx, run, queue)
		if err != nil {
			return nil, sample{}, fmt.Errorf("describe run %s: %w", run.GetRunId(), err)
		}
		if s.cause != "" {
			i, seen := found[s]
			if !seen {
				i = stalledRuns{example: run, said: said}
			}
			i.runs++
			found[s] = i
		}
	}
	return found, examined, nil
}

// candidates are the examples of open incidents, then runs in progress by chance. One
// check lists one page, the next check the page after it, so that all runs have a turn.
func (m *stallMonitor) candidates(ctx context.Context) (examined sample, err error) {
	page := m.page
	m.page = nil // also where it is refused
	listed, err := m.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: m.namespace, PageSize: stallPage, NextPageToken: page, Query: m.inProgress(time.Now())})
	if err != nil {
		return sample{}, fmt.Errorf("list runs: %w", err)
	}
	m.page = listed.GetNextPageToken()
	examined.all = len(page) == 0 && len(m.page) == 0
	known := map[string]bool{}
	add := func(run *commonpb.WorkflowExecution) {
		switch {
		case known[run.GetRunId()]:
		case len(examined.runs) == stallSample:
			examined.all = false
		default:
			known[run.GetRunId()] = true
			examined.runs = append(examined.runs, run)
		}
	}
	for _, i := range m.open {
		add(i.example)
	}
	for _, i := range rand.Perm(len(listed.GetExecutions())) {
		add(listed.GetExecutions()[i].GetExecution())
	}
	return examined, nil
}

// inProgress finds the queue's runs that began to work longer ago than a stall
// takes. A cron that waits for its next run has its ExecutionTime ahead.
func (m *stallMonitor) inProgress(now time.Time) string {
	return fmt.Sprintf("WorkflowType = '%s' AND TaskQueue = '%s' AND ExecutionStatus = 'Running' AND ExecutionTime < '%s'",
		workflows.Type, m.taskQueue, now.Add(-stalledAfter).UTC().Format(time.RFC3339))
}

// examine decides about one run. A run that is gone does not stand still.
func (m *stallMonitor) examine(ctx context.Context, run *commonpb.WorkflowExecution, queue *workflowservice.DescribeTaskQueueResponse) (s stall, said string, err error) {
	var gone *serviceerror.NotFound
	described, err := m.temporal.DescribeWorkflowExecution(ctx, run.GetWorkflowId(), run.GetRunId())
	if errors.As(err, &gone) {
		return stall{}, "", nil
	}
	var last *historypb.HistoryEvent
	if err == nil && described.GetPendingWorkflowTask().GetAttempt() > 1 {
		last, err = m.lastFailure(ctx, run)
	}
	if err != nil {
		return stall{}, "", err
	}
	return findStall(described, last, queue, time.Now()), failureText(last), nil
}

// lastFailure is the event with which the newest workflow task failed or timed out;
// nil where it did neither, or has more events after it than are searched.
func (m *stallMonitor) lastFailure(ctx context.Context, run *commonpb.WorkflowExecution) (*historypb.HistoryEvent, error) {
	request := &workflowservice.GetWorkflowExecutionHistoryReverseRequest{Namespace: m.namespace, Execution: run, MaximumPageSize: failurePage}
	for range failurePages {
		page, err := m.temporal.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, event := range page.GetHistory().GetEvents() {
			switch event.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
				return event, nil
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
				return nil, nil
			}
		}
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			break
		}
	}
	return nil, nil
}

// report logs incidents that are new, those that go on now and then, and those
// that are over: a cause that is not found may be that of runs which were not examined.
func (m *stallMonitor) report(ctx context.Context, found map[stall]stalledRuns, examined sample) {
	for s, i := range found {
		if i.reportedAt = m.open[s].reportedAt; time.Since(i.reportedAt) >= remindEvery {
			i.reportedAt = time.Now()
			message := s.message(m.command, m.deployment, i.example.GetWorkflowId())
			m.log.ErrorContext(ctx, message, append([]any{
				"cause", string(s.cause), "workflowId", i.example.GetWorkflowId(), "runId", i.example.GetRunId(),
				"runs", i.runs, "examined", len(examined.runs)}, m.details(ctx, i)...)...)
			m.incident.raise(ctx, message)
		}
		found[s] = i
	}
	for s, i := range m.open {
		if _, goesOn := found[s]; goesOn {
			continue
		}
		if i.missed++; !examined.all && i.missed < overAfter {
			found[s] = i
		} else {
			m.log.InfoContext(ctx, "no run stands still any more for this cause", "cause", string(s.cause), "workflowId", i.example.GetWorkflowId())
		}
	}
	m.open = found
	if len(found) == 0 && examined.all {
		m.incident.heal(ctx, "no run stands still")
	}
}

// details are read once for a report.
func (m *stallMonitor) details(ctx context.Context, i stalledRuns) (attributes []any) {
	if i.said != "" {
		attributes = append(attributes, "error", i.said)
	}
	if counted, err := m.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: m.namespace, Query: m.inProgress(time.Now())}); err == nil {
		attributes = append(attributes, "inProgress", counted.GetCount())
	}
	return attributes
}

func (m *stallMonitor) command(args string) string { return temporalCommand(m.namespace, args) }

// measure sets the metric of every cause.
func (m *stallMonitor) measure(ctx context.Context) {
	runs := map[stallCause]int{}
	for s, i := range m.open {
		runs[s.cause] += i.runs
	}
	for _, cause := range stallCauses {
		m.metrics.Stalled(ctx, string(cause), runs[cause])
	}
}
