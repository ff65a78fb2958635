package activities

import (
	"context"
	"errors"
	"slices"
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
	// Open are the reasons of the provider's open incidents.
	Open(ctx context.Context, provider string) (reasons []string, err error)
	// Over reports whether an account has its incident no longer, although nothing has
	// reported that.
	Over(ctx context.Context, reason string, h incident.Holder) (bool, error)
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
	Reason   string                     `json:"reason"`
	Accounts map[string]incident.Holder `json:"accounts"`
}

// CheckResult is those of them that have the incident no longer.
type CheckResult struct {
	Over []string `json:"over,omitempty"`
}

// CheckIncident finds the accounts of an incident whose end was never reported: they were
// stopped or moved, or the run that reported was terminated. One that cannot be asked about
// still has it.
func (a *Activities) CheckIncident(ctx context.Context, in CheckInput) (found CheckResult, _ error) {
	for account, holder := range in.Accounts {
		if ctx.Err() != nil {
			return CheckResult{}, ctx.Err()
		}
		over, err := a.Incidents.Over(ctx, in.Reason, holder)
		if err != nil {
			a.Log.WarnContext(ctx, "cannot see whether an account of an incident still has it", "account", account, "error", err)
			continue
		}
		if over {
			found.Over = append(found.Over, account)
		}
	}
	slices.Sort(found.Over)
	return found, nil
}

// openTimeout bounds the question for open incidents, which must not hold up a load.
const openTimeout = 3 * time.Second

// openIncidents are the reasons of the open incidents at the account's provider: one may
// hold the account since a run whose end this workflow does not know of. Where Temporal does
// not say, the incident finds the account well by itself, only later.
func (a *Activities) openIncidents(ctx context.Context, provider string) []string {
	if a.Incidents == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	reasons, err := a.Incidents.Open(ctx, provider)
	if err != nil {
		a.Log.WarnContext(ctx, "cannot ask Temporal for the open incidents", "error", err)
	}
	return reasons
}
