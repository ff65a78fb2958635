package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"tokenkeeper/internal/provider"
)

// restsAt reports whether a grant that is only kept alive needs no refresh yet.
func restsAt(last Result, now time.Time) bool {
	return now.Before(last.RestsUntil) && last.RestsUntil.Sub(now) <= provider.LongestAlive
}

// restFor is how long a grant is left alone that is refreshed once in a period. It is less
// than that, so that a run that comes once in a period refreshes each time, though the one
// before it was late.
func restFor(alive time.Duration) time.Duration { return alive - alive/8 }

// rest ends a run that has nothing to do. Its result says what the last one said, for the
// runs after it.
func (r *run) rest(ctx workflow.Context, last Result) Result {
	last.Outcome = Rested
	last.Summary = inWords(last, workflow.Now(ctx))
	r.setDetails(ctx, "%s", last.Summary)
	discardSignals(ctx, RefreshNow, Overdue)
	return last
}

// complete adds to a result what the next run goes by, and the result in words. Only what
// this run's own call was issued lets a later run rest.
func (r *run) complete(ctx workflow.Context, result Result) Result {
	result.Attributes, result.NonRotating = r.attributes, r.nonRotating
	if result.Outcome == Refreshed && r.alivePeriod > 0 {
		result.RestsUntil = r.called.Add(restFor(r.alivePeriod))
	}
	result.Summary = inWords(result, workflow.Now(ctx))
	return result
}
