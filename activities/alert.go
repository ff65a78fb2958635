package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/token"
)

// AlertInput is the beginning or the end of an account's incident. It holds no
// secret.
type AlertInput struct {
	Account token.Account `json:"account"`
	// Reason is a failure type such as "ReauthorizationRequired", or "StoreStuck".
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// Healed: the incident that Reason names is over.
	Healed bool `json:"healed,omitempty"`
}

// AlertResult is what was logged: the input's message with the cause that Temporal
// knows of.
type AlertResult struct {
	Message string `json:"message"`
}

// Alert logs an incident as an error and counts it; its end is logged only. It adds to
// the message what Temporal knows of the cause.
func (a *Activities) Alert(ctx context.Context, in AlertInput) (AlertResult, error) {
	message := in.Message
	if !in.Healed {
		message = withCause(message, a.cause(ctx))
	}
	attributes := []any{"account", in.Account.String(), "reason", in.Reason, "message", message}
	if in.Healed {
		a.Log.InfoContext(ctx, "healed", attributes...)
		return AlertResult{message}, nil
	}
	a.Metrics.Alerted(ctx, in.Account, in.Reason)
	a.Log.ErrorContext(ctx, "needs a person", attributes...)
	return AlertResult{message}, nil
}

// describeTimeout bounds the question for the cause, which must not hold up an alert.
const describeTimeout = 3 * time.Second

// cause is why the run that alerts stands still; empty where Temporal does not say.
func (a *Activities) cause(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	run := runOf(activity.GetInfo(ctx))
	described, err := a.Temporal.DescribeWorkflowExecution(ctx, run.WorkflowID, run.RunID)
	if err != nil {
		a.Log.WarnContext(ctx, "cannot ask Temporal for the cause of an alert", "error", err)
		return ""
	}
	return causeOf(run.WorkflowID, described.GetPendingActivities())
}

// causeOf says why pending activities are not done, in whole sentences.
func causeOf(workflowID string, pending []*workflowpb.PendingActivityInfo) string {
	var causes []string
	for _, p := range pending {
		name := p.GetActivityType().GetName()
		failure := p.GetLastFailure().GetMessage()
		if name == "Alert" {
			continue
		}
		if p.GetPaused() {
			causes = append(causes, fmt.Sprintf("%s is paused; let it go on: temporal activity unpause --workflow-id %s --activity-id %s.", name, workflowID, p.GetActivityId()))
		}
		switch {
		case failure != "":
			causes = append(causes, fmt.Sprintf("The last failure of %s, before attempt %d: %s.", name, p.GetAttempt(), strings.TrimSuffix(failure, ".")))
		case p.GetPaused():
		case p.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED:
			causes = append(causes, fmt.Sprintf("No worker has taken %s; see that workers poll its task queue.", name))
		default:
			causes = append(causes, fmt.Sprintf("%s is at attempt %d, which has not ended.", name, p.GetAttempt()))
		}
	}
	return strings.Join(causes, " ")
}

func withCause(message, cause string) string {
	if cause == "" {
		return message
	}
	return message + " " + cause
}
