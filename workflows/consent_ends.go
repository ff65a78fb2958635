package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
)

// consentWarnings are the days before the end of a consent at which its end is alerted.
var consentWarnings = []int{14, 7, 1}

// alertConsentEnds alerts a consent that ends soon, once for each of the thresholds, and
// its end where a new consent has moved it away. It returns what a result carries on: the
// threshold that was alerted last; 0 for none. Only the hard end counts: each refresh moves
// the other one.
func (r *run) alertConsentEnds(ctx workflow.Context, last, result Result) (told int) {
	now := workflow.Now(ctx)
	told, due := consentDue(last, result.GrantEnds, now)
	alert := activities.AlertInput{Reason: incident.ConsentEnds}
	switch {
	case due == 0 && told == last.ConsentTold:
		return told
	case due == 0:
		alert.Healed, alert.Message = true, "The consent does not end soon any more."
	default:
		alert.Urgency = urgency(due)
		alert.Message = fmt.Sprintf("The consent of %s ends on %s, in %s, whatever is refreshed. Before that, its owner consents again: starter authorize %s",
			r.account, day(result.GrantEnds), days(result.GrantEnds, now), r.account.Flags())
	}
	if r.alert(ctx, alert) == "" && due != 0 {
		return 0 // it was not reported; the next run alerts it
	}
	return told
}

// consentDue decides which threshold to alert now, 0 for none, and which one counts as
// alerted from then on.
func consentDue(last Result, ends, now time.Time) (told, due int) {
	if ends.IsZero() {
		return 0, 0
	}
	// The tag that an end may come from has whole seconds.
	if told = last.ConsentTold; last.GrantEnds.IsZero() || ends.Sub(last.GrantEnds) > time.Minute {
		told = 0 // of another consent
	}
	for _, threshold := range consentWarnings {
		if ends.Sub(now) <= time.Duration(threshold)*24*time.Hour && (told == 0 || threshold < told) {
			due = threshold // the nearest one, where several were crossed at once
		}
	}
	if due != 0 {
		told = due
	}
	return told, due
}

// urgency grows as the end comes nearer, so that each threshold is news to the incident.
func urgency(threshold int) int {
	for i, t := range consentWarnings {
		if t == threshold {
			return i + 1
		}
	}
	return 0
}
