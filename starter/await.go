package main

import (
	"context"
	"time"

	"tokenkeeper/workflows"
)

// pollInterval is how often a person who waits hears what a run struggles with.
const pollInterval = 3 * time.Second

// await waits for one run to end. Meanwhile it tells why the run takes its time.
func (o *temporalApp) await(ctx context.Context, workflowID, runID string) (workflows.RunResult, error) {
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		o.watch(watching, workflowID, runID)
	}()
	last, err := o.runResult(ctx, workflowID, runID, true)
	stop()
	<-watched
	return last, err
}

// watch says each new failure of an activity that Temporal tries again.
func (o *temporalApp) watch(ctx context.Context, workflowID, runID string) {
	told := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollInterval):
		}
		described, err := o.temporal.DescribeWorkflowExecution(ctx, workflowID, runID)
		if err != nil {
			continue
		}
		for _, pending := range described.GetPendingActivities() {
			why := pending.GetLastFailure().GetMessage()
			if why != "" && !told[why] {
				told[why] = true
				o.say("Still at it: %s failed and is tried again: %s", pending.GetActivityType().GetName(), why)
			}
		}
	}
}
