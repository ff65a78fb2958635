package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"tokenkeeper/activities"
	"tokenkeeper/internal/config"
	"tokenkeeper/internal/pace"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

const (
	// pacedLoads bounds the loads of one paced queue that a worker runs at a time. Those
	// that wait for a vault stay with Temporal beyond that.
	pacedLoads = 20
	// pacedPollers keep all partitions of a queue polled, four on a server as it comes: each
	// has its part of the rate, and one without a poller wastes its part. The SDK's two
	// pollers got four fifths of a rate.
	pacedPollers = 8
	// recountEvery is how often accounts are counted, so that the start of many
	// accounts has its pace soon. All workers count at the same time, so that their pollers
	// name the same rates to the server.
	recountEvery = time.Minute
	// workersEvery is how often the workers alone are counted, which share the vault's quota:
	// those that start together are to know of each other soon.
	workersEvery = 10 * time.Second
)

// pacedQueues take the loads that may wait. The rate of a task queue is kept by Temporal's
// server for all of its pollers together, whatever the number of workers. It would also
// switch eager activities off, so that these queues have loads alone, and workers of their
// own within this process.
type pacedQueues struct {
	temporal  client.Client
	namespace string
	taskQueue string
	options   worker.Options // of this process's main worker
	acts      *activities.Activities
	providers provider.Table
	version   config.Deployment // this worker's; empty for none
	perSecond float64           // new versions that all workers together create
	limiter   *pace.Limiter
	log       *slog.Logger

	rates     rates
	demand    demand
	uncounted bool             // the last count of accounts failed, which is logged once
	unshared  bool             // that of workers likewise
	running   [2]worker.Worker // rotating, single
	done      sync.WaitGroup
	cancel    context.CancelFunc
}

// start polls both queues, and adapts their rates until stop is called.
func (q *pacedQueues) start(ctx context.Context) error {
	ctx, q.cancel = context.WithCancel(ctx)
	if err := startPolling(ctx, q.log, func() error { return q.adapt(ctx) }); err != nil {
		q.stop()
		return err
	}
	q.done.Go(func() { q.recount(ctx) })
	return nil
}

// recount adapts until ctx ends.
func (q *pacedQueues) recount(ctx context.Context) {
	workers := time.NewTicker(workersEvery)
	defer workers.Stop()
	accounts := time.NewTimer(untilRecount(time.Now()))
	defer accounts.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-workers.C:
			q.countWorkers(ctx)
		case <-accounts.C:
			if err := q.adapt(ctx); err != nil && ctx.Err() == nil {
				q.log.WarnContext(ctx, "cannot change the pace of the loads", "error", err)
			}
			accounts.Reset(untilRecount(time.Now()))
		}
	}
}

// untilRecount is the time until all workers count.
func untilRecount(now time.Time) time.Duration {
	return now.Truncate(recountEvery).Add(recountEvery).Sub(now)
}

// stop ends the polls and waits for the loads that are at work.
func (q *pacedQueues) stop() {
	q.cancel()
	q.done.Wait()
	var stopping sync.WaitGroup
	for _, w := range q.running {
		if w != nil {
			stopping.Go(w.Stop)
		}
	}
	stopping.Wait()
}

// adapt counts workers and accounts and has the queues handed out accordingly. Where the
// accounts cannot be counted, the last count holds.
func (q *pacedQueues) adapt(ctx context.Context) error {
	q.countWorkers(ctx)
	counting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	switch d, err := q.count(counting); {
	case err == nil:
		q.demand, q.uncounted = d.orBefore(q.demand), false
	case ctx.Err() == nil && !q.uncounted:
		q.uncounted = true
		q.log.WarnContext(ctx, "cannot count the accounts that the pace is shared out to; the share before holds", "error", err)
	}
	now := splitPace(q.perSecond, q.demand)
	if !now.differs(q.rates) {
		return nil
	}
	q.log.InfoContext(ctx, "pace of the loads that may wait", "perSecond", now.rotating, "perSecondNotRotating", now.single)
	for i, rate := range [2]float64{now.rotating, now.single} {
		if err := q.restart(i, rate); err != nil {
			// A queue that is not polled holds up every account that follows a green run.
			q.rates = rates{}
			return err
		}
	}
	q.rates = now
	return nil
}

// restart polls a queue at another rate. The server goes by the last poll that it gets, so
// that the old pollers end first.
func (q *pacedQueues) restart(i int, rate float64) error {
	if old := q.running[i]; old != nil {
		q.running[i] = nil
		old.Stop()
	}
	options := q.options
	options.DisableWorkflowWorker = true
	options.MaxConcurrentActivityExecutionSize = pacedLoads
	options.MaxConcurrentActivityTaskPollers = pacedPollers
	options.TaskQueueActivitiesPerSecond = rate
	w := worker.New(q.temporal, activities.PacedQueue(q.taskQueue, i == 1), options)
	q.acts.RegisterPaced(w)
	if err := w.Start(); err != nil {
		return fmt.Errorf("start polling %s: %w", activities.PacedQueue(q.taskQueue, i == 1), err)
	}
	q.running[i] = w
	return nil
}

// refreshes are providers that are refreshed alike.
type refreshes struct {
	single bool
	every  time.Duration
}

// count returns what the accounts of this task queue need.
func (q *pacedQueues) count(ctx context.Context) (d demand, err error) {
	alike := map[refreshes][]string{}
	for _, p := range q.providers.Providers() {
		r := refreshes{p.Rotation == provider.NoRotation, p.Period()}
		alike[r] = append(alike[r], p.Name)
	}
	for r, names := range alike {
		n, err := q.countOf(ctx, names)
		if err != nil {
			return demand{}, err
		}
		perSecond := float64(n) / r.every.Seconds()
		if r.single {
			d.single += perSecond
		} else {
			d.rotating += 2 * perSecond
		}
	}
	return d, nil
}

// countOf counts the accounts of some providers: by the search attribute, which a namespace
// may lack, and there by the workflow IDs, which an account without the attribute has as well.
func (q *pacedQueues) countOf(ctx context.Context, providers []string) (int64, error) {
	var quoted, prefixes []string
	for _, name := range providers {
		quoted = append(quoted, "'"+name+"'")
		prefixes = append(prefixes, "WorkflowId STARTS_WITH '"+workflows.ID(token.Account{Provider: name, Name: token.DefaultAccount})+"'")
	}
	counted, err := q.countRuns(ctx, workflows.TokenProvider.GetName()+" IN ("+strings.Join(quoted, ", ")+")")
	if _, unknown := errors.AsType[*serviceerror.InvalidArgument](err); unknown {
		return q.countRuns(ctx, "("+strings.Join(prefixes, " OR ")+")")
	}
	return counted, err
}

func (q *pacedQueues) countRuns(ctx context.Context, of string) (int64, error) {
	counted, err := q.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: q.namespace,
		Query: fmt.Sprintf("WorkflowType = '%s' AND TaskQueue = '%s' AND ExecutionStatus = 'Running' AND %s", workflows.Type, q.taskQueue, of)})
	return counted.GetCount(), err
}

// countWorkers shares the vault's quota among the workers of this task queue. Where they cannot
// be counted, the last count holds, and before there is one, all of it is this worker's.
func (q *pacedQueues) countWorkers(ctx context.Context) {
	counting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	described, err := q.temporal.DescribeTaskQueue(counting, q.taskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	switch {
	case err == nil:
		isBusy := func(v config.Deployment) bool {
			n, err := q.temporal.CountWorkflow(counting, &workflowservice.CountWorkflowExecutionsRequest{Namespace: q.namespace, Query: runsQuery(v)})
			return err == nil && n.GetCount() >= manyRuns
		}
		if part := partOf(q.version, described, isBusy); part > 0 {
			q.limiter.SetPart(part)
		}
	case ctx.Err() == nil && !q.unshared:
		q.log.WarnContext(ctx, "cannot count the workers that share the vault's quota; the count before holds", "error", err)
	}
	q.unshared = err != nil
}
