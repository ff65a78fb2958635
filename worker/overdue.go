package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/workflows"
)

const (
	// overdueEvery is the least time between two checks, and overdueJitter what chance adds,
	// so that one of many workers is the first one to find a run, and the others find it told.
	overdueEvery, overdueJitter = 30 * time.Second, 30 * time.Second
	// overduePage bounds the runs that one listing returns.
	overduePage = 500
	// mostStuck is how many runs of a provider are told that they are overdue: each of them
	// alerts, and a provider that is away for all of its accounts is one incident.
	mostStuck = 100
	// leastTold is how many runs of a provider each check tells though there are mostStuck
	// already: they may stand still for another reason.
	leastTold = 3
	// overduePause is between two signals.
	overduePause = 50 * time.Millisecond
	// rememberedRuns bounds the runs that a monitor remembers to have told, and rememberedFor
	// for how long. Namespaces without search attributes do not show it, nor do runs that
	// cannot take the signal.
	rememberedRuns, rememberedFor = 10_000, 24 * time.Hour
)

// overdueMonitor tells runs of the worker's task queue that they are at work for too long.
// A run then alerts what it waits for. It is told, instead of keeping the time itself,
// because a timer beside each run would cost as much as an activity.
type overdueMonitor struct {
	temporal   client.Client
	attributes workflows.Attributes // of the namespace
	namespace  string
	taskQueue  string
	after      time.Duration // how long a run may be at work
	log        *slog.Logger

	told  map[string]time.Time // by run id
	blind bool                 // the last check failed
}

// start checks the runs until stop is called or ctx ends.
func (m *overdueMonitor) start(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(overdueEvery + rand.N(overdueJitter)):
				m.check(ctx)
			}
		}
	}()
	return stop
}

// check tells the runs that are overdue once, as many of each provider as it may.
func (m *overdueMonitor) check(ctx context.Context) {
	now := time.Now()
	m.forget(now)
	err := m.tellAll(ctx, now)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		m.blind = false
	case !m.blind:
		m.blind = true
		m.log.Warn("cannot see whether runs are overdue", "error", err)
	}
}

// tellAll lists page by page, and leaves out the providers that it is done with, so that no
// provider's runs hide another's.
func (m *overdueMonitor) tellAll(ctx context.Context, now time.Time) error {
	var done []string
	for {
		runs, more, err := m.list(ctx, now, done)
		if err != nil {
			return err
		}
		for provider, theirs := range byProvider(runs) {
			stuck, err := m.countStuck(ctx, provider, now)
			if err != nil {
				return err
			}
			for _, run := range chooseOverdue(theirs, m.told, stuck) {
				if err := m.tell(ctx, run, now); err != nil {
					return err
				}
			}
			done = append(done, provider)
		}
		if !more || len(runs) == 0 || !m.attributes.Searchable {
			return nil // an empty page names no provider to leave out
		}
	}
}

// list lists runs that are overdue and do not show that they know it, the latest first.
func (m *overdueMonitor) list(ctx context.Context, now time.Time, without []string) (runs []*workflowpb.WorkflowExecutionInfo, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	listed, err := m.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: m.namespace, PageSize: overduePage, Query: m.overdue(now, without)})
	if err != nil {
		return nil, false, fmt.Errorf("list runs: %w", err)
	}
	return listed.GetExecutions(), len(listed.GetNextPageToken()) > 0, nil
}

// atWork is the visibility query for the queue's runs that began to work too long ago. A
// cron that waits for its next run has its ExecutionTime ahead.
func (m *overdueMonitor) atWork(now time.Time) string {
	return fmt.Sprintf("WorkflowType = '%s' AND TaskQueue = '%s' AND ExecutionStatus = 'Running' AND ExecutionTime < '%s'",
		workflows.Type, m.taskQueue, now.Add(-m.after).UTC().Format(time.RFC3339Nano))
}

func (m *overdueMonitor) overdue(now time.Time, without []string) string {
	query := m.atWork(now)
	if !m.attributes.Searchable {
		return query
	}
	query += fmt.Sprintf(" AND (TokenHealth IS NULL OR TokenHealth != '%s')", workflows.HealthStuck)
	for _, provider := range without {
		switch provider {
		case "":
			query += " AND TokenProvider IS NOT NULL"
		default:
			query += fmt.Sprintf(" AND (TokenProvider IS NULL OR TokenProvider != '%s')", strings.ReplaceAll(provider, "'", "''"))
		}
	}
	return query
}

// countStuck counts a provider's runs that have been told. Of a run without the attribute
// the provider is not known, and what this worker has told them itself is what counts.
func (m *overdueMonitor) countStuck(ctx context.Context, provider string, now time.Time) (int, error) {
	if provider == "" {
		return len(m.told), nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	counted, err := m.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: m.namespace,
		Query: m.atWork(now) + fmt.Sprintf(" AND TokenHealth = '%s' AND TokenProvider = '%s'", workflows.HealthStuck, strings.ReplaceAll(provider, "'", "''"))})
	if err != nil {
		return 0, fmt.Errorf("count stuck runs: %w", err)
	}
	return int(counted.GetCount()), nil
}

// chooseOverdue chooses the runs of a provider to tell: those that were not told before, the
// longest at work first, until the provider has mostStuck of them; and always a few by chance,
// of which another cause may show.
func chooseOverdue(runs []*workflowpb.WorkflowExecutionInfo, told map[string]time.Time, stuck int) (chosen []*commonpb.WorkflowExecution) {
	runs = slices.DeleteFunc(slices.Clone(runs), func(run *workflowpb.WorkflowExecutionInfo) bool {
		_, before := told[run.GetExecution().GetRunId()]
		return before
	})
	slices.SortStableFunc(runs, func(a, b *workflowpb.WorkflowExecutionInfo) int {
		return a.GetExecutionTime().AsTime().Compare(b.GetExecutionTime().AsTime())
	})
	most := mostStuck - stuck
	if most < leastTold {
		most = leastTold
		rand.Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
	}
	for _, run := range runs[:min(len(runs), most)] {
		chosen = append(chosen, run.GetExecution())
	}
	return chosen
}

// tell signals one run. One that has ended meanwhile needs it no longer, and one that can
// take no more signals must not keep the others from being told.
func (m *overdueMonitor) tell(ctx context.Context, run *commonpb.WorkflowExecution, now time.Time) error {
	signalCtx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var gone *serviceerror.NotFound
	var full *serviceerror.InvalidArgument
	err := m.temporal.SignalWorkflow(signalCtx, run.GetWorkflowId(), run.GetRunId(), workflows.Overdue, nil)
	switch {
	case errors.As(err, &full):
		m.log.WarnContext(ctx, "an overdue run takes no more signals; it alerts nothing", "workflowId", run.GetWorkflowId(), "runId", run.GetRunId(), "error", err)
	case err != nil && !errors.As(err, &gone):
		return fmt.Errorf("signal run %s: %w", run.GetRunId(), err)
	}
	m.told[run.GetRunId()] = now
	select {
	case <-ctx.Done():
	case <-time.After(overduePause):
	}
	return ctx.Err()
}

// forget makes room among the runs that were told: the oldest go first.
func (m *overdueMonitor) forget(now time.Time) {
	if m.told == nil {
		m.told = map[string]time.Time{}
	}
	var all []string
	for run, at := range m.told {
		if now.Sub(at) > rememberedFor {
			delete(m.told, run)
			continue
		}
		all = append(all, run)
	}
	if len(all) > rememberedRuns {
		slices.SortFunc(all, func(a, b string) int { return cmp.Or(m.told[a].Compare(m.told[b]), strings.Compare(a, b)) })
		for _, run := range all[:len(all)-rememberedRuns] {
			delete(m.told, run)
		}
	}
}

// byProvider sorts runs by their provider; by the empty one where it is not shown.
func byProvider(runs []*workflowpb.WorkflowExecutionInfo) map[string][]*workflowpb.WorkflowExecutionInfo {
	sorted := map[string][]*workflowpb.WorkflowExecutionInfo{}
	for _, run := range runs {
		var provider string
		if payload := run.GetSearchAttributes().GetIndexedFields()[workflows.TokenProvider.GetName()]; payload != nil {
			_ = converter.GetDefaultDataConverter().FromPayload(payload, &provider)
		}
		sorted[provider] = append(sorted[provider], run)
	}
	return sorted
}
