package activities

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
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
	// Urgency makes an incident that is known news again where it grows.
	Urgency int `json:"urgency,omitempty"`
	// Perhaps: the account may not have had the incident that is over.
	Perhaps bool `json:"perhaps,omitempty"`
	// Schedule is the id of the Schedule that has started the run; empty for none, and from
	// runs that do not say it.
	Schedule string `json:"schedule,omitempty"`
}

// AlertResult is what was logged: the input's message with the cause that Temporal
// knows of.
type AlertResult struct {
	Message string `json:"message"`
}

// Alert logs an incident as an error, counts it, and reports it to the workflow that tells
// receivers; the end of one is logged and reported. It adds to the message what Temporal
// knows of the cause. It is retried until the report is taken: a lost one would leave the
// incident open for ever, or without an account.
func (a *Activities) Alert(ctx context.Context, in AlertInput) (AlertResult, error) {
	run := runOf(activity.GetInfo(ctx))
	report := incident.Report{Account: in.Account.Provider + "/" + in.Account.Name, SecretsOf: in.Account.SecretsOf, Healed: in.Healed, Message: in.Message,
		At: time.Now().UTC(), Run: run.RunID, Workflow: run.WorkflowID, Urgency: in.Urgency, Perhaps: in.Perhaps}
	if !in.Healed {
		described := a.describe(ctx, run)
		report.Message = withCause(in.Message, causeOf(run.WorkflowID, described.GetPendingActivities()))
		report.Schedule = cmp.Or(in.Schedule, incident.ScheduleOf(described.GetWorkflowExecutionInfo()))
	}
	attributes := []any{"account", in.Account.String(), "reason", in.Reason, "message", report.Message}
	if first := activity.GetInfo(ctx).Attempt <= 1; in.Perhaps {
	} else if first && in.Healed {
		a.Log.InfoContext(ctx, "healed", attributes...)
	} else if first {
		a.Metrics.Alerted(ctx, in.Account, in.Reason)
		a.Log.ErrorContext(ctx, "needs a person", attributes...)
	}
	if a.Incidents == nil {
		return AlertResult{report.Message}, nil
	}
	return AlertResult{report.Message}, a.Incidents.Report(ctx, in.Account.Provider, in.Reason, report)
}

// describeTimeout bounds the question for the cause, which must not hold up an alert.
const describeTimeout = 3 * time.Second

// describe is the run that alerts, with what it waits for; nil where Temporal does not say.
func (a *Activities) describe(ctx context.Context, run vault.Run) *workflowservice.DescribeWorkflowExecutionResponse {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	described, err := a.Temporal.DescribeWorkflowExecution(ctx, run.WorkflowID, run.RunID)
	if err != nil {
		a.Log.WarnContext(ctx, "cannot ask Temporal for the cause of an alert", "error", err)
		return nil
	}
	return described
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
