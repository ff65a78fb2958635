package workflows

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/incident"
)

// Fleet is the health of all accounts of a task queue, as Temporal knows it without any
// worker: from counts and from the open incidents, not from a list of the accounts.
type Fleet struct {
	Accounts      int            // crons and Schedules' runs that run or wait
	Health        map[Health]int // accounts by health; healthy is what is left
	Overdue       int            // runs at work for longer than OverdueAfter
	OldestOverdue time.Time      // when the oldest of them should have begun; zero for none
	NextConsent   time.Time      // the next end of a consent; zero for none that is known
	Incidents     []incident.State
}

// Visibility is the part of Temporal's client that counts and lists workflows.
type Visibility interface {
	CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error)
	ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
}

// ReadFleet reads the health of a task queue's accounts.
func ReadFleet(ctx context.Context, v Visibility, taskQueue string, now time.Time) (Fleet, error) {
	return Fleet{}, errors.New("not built yet")
}
