package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
)

const (
	// incidentCheckEvery is how often an open incident looks for accounts that have it no
	// longer without a report, and incidentCheck how many it looks at in one go.
	incidentCheckEvery, incidentCheck = 6 * time.Hour, 500
	// memoEvery is the least time between two updates of the memo that only count.
	memoEvery = time.Minute
	// notifyFor is how long an event is sent again to a receiver that does not take it.
	notifyFor = 24 * time.Hour
)

// TokenIncident holds one open incident: it counts the accounts that have it, sends its
// events to every receiver, and ends when no account has it any more and every receiver
// has been told. An operator who cancels it says that it is over.
//
// It runs for as long as the incident, so that unlike a refresh it is not pinned to a
// version of the workers.
func (w *Workflows) TokenIncident(ctx workflow.Context, in incident.Input) error {
	own, _ := workflow.NewDisconnectedContext(ctx) // of a cancelled one as well
	i := &openIncident{Input: in, reports: workflow.GetSignalChannel(ctx, incident.Change)}
	if i.Unsent == nil {
		i.Unsent = map[string][]incident.Event{}
	}
	i.shown, i.shownAt = in.Tally.Count(), workflow.Now(ctx)
	i.checkAt = workflow.Now(ctx).Add(incidentCheckEvery)
	for _, receiver := range slices.Clone(i.Receivers) {
		workflow.Go(own, func(ctx workflow.Context) { i.deliver(ctx, receiver) })
	}
	for {
		i.take(own)
		if ctx.Err() != nil && !i.closed {
			i.close(own)
		}
		now := workflow.Now(own)
		kind, at := i.Tally.Due(i.Reason)
		switch {
		case kind != "" && !now.Before(at):
			i.tell(own, kind)
		case !now.Before(i.checkAt):
			i.check(own)
		case i.shown != i.Tally.Count() && now.Sub(i.shownAt) >= memoEvery:
			i.show(own)
		case kind == "" && i.Tally.Count() == 0 && i.sent():
			return nil
		case workflow.GetInfo(own).GetContinueAsNewSuggested() && !i.checking:
			// What is being sent is sent again, under the same id.
			return workflow.NewContinueAsNewError(own, incident.Type, i.Input)
		default:
			i.wait(own, func() bool { return ctx.Err() != nil && !i.closed }, at)
		}
	}
}

// openIncident is the state of a run of TokenIncident.
type openIncident struct {
	incident.Input
	reports  workflow.ReceiveChannel
	shown    int // accounts, by the memo
	shownAt  time.Time
	checkAt  time.Time
	checking bool
	closed   bool // an operator has cancelled it
	woken    bool // something but a report has changed

	timer     workflow.Future
	timerAt   time.Time
	stopTimer workflow.CancelFunc
}

// take takes the reports that have come.
func (i *openIncident) take(ctx workflow.Context) {
	i.woken = false
	for {
		var report incident.Report
		if !i.reports.ReceiveAsync(&report) {
			return
		}
		i.Tally.Add(report, workflow.Now(ctx))
	}
}

// close ends an incident that an operator calls over. What is reported from then on begins
// it anew.
func (i *openIncident) close(ctx workflow.Context) {
	i.closed = true
	i.Tally.Clear(workflow.Now(ctx))
	if kind, _ := i.Tally.Due(i.Reason); kind != "" {
		i.tell(ctx, kind)
	}
}

// tell has every receiver told of the event that is due.
func (i *openIncident) tell(ctx workflow.Context, kind incident.Kind) {
	info := workflow.GetInfo(ctx)
	event := i.Tally.Tell(kind, info.WorkflowExecution.ID, info.FirstRunID, i.Provider, i.Reason, workflow.Now(ctx))
	for _, receiver := range i.Receivers {
		i.Unsent[receiver] = append(i.Unsent[receiver], event)
	}
	workflow.GetLogger(ctx).Info("incident "+string(kind), "reason", i.Reason, "provider", i.Provider, "accounts", event.Accounts, "event", event.ID)
	i.show(ctx)
}

// show puts the count into the memo, from which listings read it.
func (i *openIncident) show(ctx workflow.Context) {
	i.shown, i.shownAt = i.Tally.Count(), workflow.Now(ctx)
	if err := workflow.UpsertMemo(ctx, map[string]any{incident.Memo: i.Tally.State(i.Provider, i.Reason)}); err != nil {
		workflow.GetLogger(ctx).Warn("cannot show the incident in its memo", "error", err)
	}
}

// sent reports whether every receiver has been told everything.
func (i *openIncident) sent() bool {
	return !slices.ContainsFunc(i.Receivers, func(receiver string) bool { return len(i.Unsent[receiver]) > 0 })
}

// deliver sends a receiver its events one after the other, so that no end comes before
// its beginning, and holds up no other receiver.
func (i *openIncident) deliver(ctx workflow.Context, receiver string) {
	for {
		if workflow.Await(ctx, func() bool { return len(i.Unsent[receiver]) > 0 }) != nil {
			return
		}
		event := i.Unsent[receiver][0]
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout:    30 * time.Second,
			ScheduleToCloseTimeout: notifyFor,
			RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute},
			Summary:                string(event.Kind) + " to " + receiver,
		}), acts.NotifyReceiver, activities.NotifyInput{Receiver: receiver, Event: event}).Get(ctx, nil)
		i.Unsent[receiver] = i.Unsent[receiver][1:]
		i.woken = true
		switch {
		case failureType(err) == activities.ReceiverGone:
			workflow.GetLogger(ctx).Error("a receiver wants no more alerts", "receiver", receiver, "error", err)
			i.Receivers = slices.DeleteFunc(i.Receivers, func(name string) bool { return name == receiver })
			delete(i.Unsent, receiver)
			return
		case err != nil:
			workflow.GetLogger(ctx).Error("a receiver has not taken an alert and is not asked again", "receiver", receiver, "event", event.ID, "error", err)
		}
	}
}

// check has the accounts looked for that would never be told to be well: nothing refreshes
// them any more, or the run that reported was terminated.
func (i *openIncident) check(ctx workflow.Context) {
	now := workflow.Now(ctx)
	i.checkAt = now.Add(incidentCheckEvery)
	i.Tally.Forget(now)
	in := activities.CheckInput{Reason: i.Reason, Accounts: map[string]incident.Holder{}}
	for _, account := range i.Tally.Named(i.Checked, incidentCheck) {
		if account != "" {
			in.Accounts[account], i.Checked = i.Tally.Accounts[account], account
		}
	}
	if len(in.Accounts) == 0 || i.checking {
		return
	}
	i.checking = true
	workflow.Go(ctx, func(ctx workflow.Context) {
		var checked activities.CheckResult
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout:    2 * time.Minute,
			ScheduleToCloseTimeout: time.Hour,
			Summary:                "do its accounts still have it?",
		}), acts.CheckIncident, in).Get(ctx, &checked)
		if err != nil {
			workflow.GetLogger(ctx).Warn("cannot see which accounts of an incident still have it", "error", err)
		}
		for _, account := range checked.Over {
			// One that was reported anew meanwhile has it.
			if i.Tally.Accounts[account] == in.Accounts[account] {
				i.Tally.Remove(account, workflow.Now(ctx))
			}
		}
		i.checking, i.woken = false, true
	})
}

// wait waits for a report, for what runs beside, for another change, or for what is due
// next. A timer that would fire too early is left to fire: reports postpone what is due,
// and each new timer would be two events.
func (i *openIncident) wait(ctx workflow.Context, changed func() bool, due time.Time) {
	if due.IsZero() || i.checkAt.Before(due) {
		due = i.checkAt
	}
	if memo := i.shownAt.Add(memoEvery); i.shown != i.Tally.Count() && memo.Before(due) {
		due = memo
	}
	if i.timer == nil || due.Before(i.timerAt) {
		if i.timer != nil {
			i.stopTimer()
		}
		var timing workflow.Context
		timing, i.stopTimer = workflow.WithCancel(ctx)
		i.timer, i.timerAt = workflow.NewTimer(timing, due.Sub(workflow.Now(ctx))), due
	}
	timer := i.timer
	_ = workflow.Await(ctx, func() bool { return i.reports.Len() > 0 || timer.IsReady() || i.woken || changed() })
	if timer.IsReady() {
		i.timer = nil
	}
}
