package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/webhook"
)

// ReceiverGone is the failure type of an event whose receiver wants no more of them.
const ReceiverGone = "ReceiverGone"

// Incidents brings reports to the workflows that hold incidents; [incident.Reporter]
// implements it.
type Incidents interface {
	// Report may be repeated.
	Report(ctx context.Context, provider, reason string, report incident.Report) error
	// Alive reports whether the workflow that has reported, or the Schedule that started it,
	// goes on.
	Alive(ctx context.Context, holder incident.Holder) (bool, error)
}

// Webhooks sends an event to a receiver once; [webhook.Sender] implements it.
type Webhooks interface {
	Send(ctx context.Context, receiver string, e webhook.Event) error
}

// NotifyInput is an event and who gets it.
type NotifyInput struct {
	Receiver string         `json:"receiver"` // its name in the workers' file
	Event    incident.Event `json:"event"`
}

// receiverPatience is how long a receiver is waited for that this worker does not know:
// while the file is being rolled out, some workers of a queue know it before others.
const receiverPatience = 10 * time.Minute

// NotifyReceiver sends an incident's event to one receiver. What it does not take is sent
// again, under the same id, no sooner than it asks for.
func (a *Activities) NotifyReceiver(ctx context.Context, in NotifyInput) error {
	err := a.Webhooks.Send(ctx, in.Receiver, webhook.OfIncident(in.Event))
	var refused *webhook.Error
	switch {
	case errors.Is(err, webhook.ErrUnknownReceiver) && time.Since(activity.GetInfo(ctx).ScheduledTime) >= receiverPatience:
		return temporal.NewNonRetryableApplicationError(err.Error(), ReceiverGone, nil)
	case errors.As(err, &refused) && refused.Gone:
		return temporal.NewNonRetryableApplicationError(err.Error(), ReceiverGone, nil)
	case errors.As(err, &refused) && refused.Wait > 0:
		return retryIn(temporal.NewApplicationError(err.Error(), receiverFailed), refused.Wait)
	case err != nil:
		return temporal.NewApplicationError(err.Error(), receiverFailed)
	}
	return nil
}

// receiverFailed is the failure type of an event that is sent again.
const receiverFailed = "ReceiverFailed"

// CheckInput is some of the accounts of an incident.
type CheckInput struct {
	Accounts map[string]incident.Holder `json:"accounts"`
}

// CheckResult is those of them that nothing refreshes any more.
type CheckResult struct {
	Stopped []string `json:"stopped,omitempty"`
}

// CheckIncident finds the accounts of an incident that were stopped, moved or started anew,
// and so will never be told to be well. One that cannot be asked about counts as refreshed.
func (a *Activities) CheckIncident(ctx context.Context, in CheckInput) (found CheckResult, _ error) {
	for account, holder := range in.Accounts {
		if ctx.Err() != nil {
			return CheckResult{}, ctx.Err()
		}
		alive, err := a.Incidents.Alive(ctx, holder)
		if err != nil {
			a.Log.WarnContext(ctx, "cannot see whether an account of an incident is still refreshed", "account", account, "error", err)
			continue
		}
		if !alive {
			found.Stopped = append(found.Stopped, account)
		}
	}
	return found, nil
}
