package incident

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
)

// Lister is the part of Temporal's client that lists workflows.
type Lister interface {
	ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
}

// openPage is how many open incidents one listing returns: there is at most one for each
// provider and reason.
const openPage = 500

// ListOpen lists the open incidents of a task queue. Temporal's index lags behind what
// happens by up to a second or two.
func ListOpen(ctx context.Context, l Lister, taskQueue string) (open []State, _ error) {
	query := "WorkflowType = '" + Type + "' AND ExecutionStatus = 'Running' AND TaskQueue = '" + strings.ReplaceAll(taskQueue, "'", `\'`) + "'"
	for page := []byte(nil); ; {
		answer, err := l.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: openPage, NextPageToken: page})
		if err != nil {
			return nil, fmt.Errorf("list the open incidents of task queue %s: %w", taskQueue, err)
		}
		for _, run := range answer.GetExecutions() {
			var state State
			payload := run.GetMemo().GetFields()[Memo]
			if payload == nil || converter.GetDefaultDataConverter().FromPayload(payload, &state) != nil {
				continue // its first task is not done yet
			}
			open = append(open, state)
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return open, nil
		}
	}
}

// openFor is how long a listing of the open incidents counts. Where a provider's failure
// ends for a fleet, the runs of one worker share a listing.
const openFor = 15 * time.Second

// openIncidents is the last listing of a process.
type openIncidents struct {
	mu   sync.Mutex
	at   time.Time
	open []State
}

// Open are the reasons of the provider's open incidents, as they were up to some seconds ago.
func (r *Reporter) Open(ctx context.Context, provider string) (reasons []string, err error) {
	r.listed.mu.Lock()
	defer r.listed.mu.Unlock()
	if time.Since(r.listed.at) >= openFor {
		open, err := ListOpen(ctx, r.Temporal, r.TaskQueue)
		if err != nil {
			return nil, err
		}
		r.listed.at, r.listed.open = time.Now(), open
	}
	for _, state := range r.listed.open {
		if state.Provider == provider {
			reasons = append(reasons, state.Reason)
		}
	}
	return reasons, nil
}
