package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// lastResult is the result of the last successful run of this workflow. One of another
// account, or of another type, is none.
func lastResult(ctx workflow.Context, account token.Account) (last Result) {
	if !workflow.HasLastCompletionResult(ctx) || workflow.GetLastCompletionResult(ctx, &last) != nil {
		return Result{}
	}
	if last.Account != account.Name || last.Provider != account.Provider || last.Generation < 0 || last.Generation > activities.MaxGeneration {
		return Result{}
	}
	return last
}

// takeOver takes over what the last successful run of this workflow has left, and reports
// its result. Only a run without one has to put what its worker knows of the namespace into
// its history.
func (r *run) takeOver(ctx workflow.Context, w *Workflows) Result {
	last := lastResult(ctx, r.account)
	r.known = activities.Known{Generation: last.Generation, Fingerprint: last.Fingerprint, Version: last.RefreshTokenVersion}
	r.grantEnds, r.ends, r.user = last.GrantEnds, last.ConsentEnds(), token.UserMark(r.account.Provider, last.UserID)
	r.attributes, r.nonRotating = last.Attributes, last.NonRotating
	if last.Account == "" {
		r.attributes = w.recordAttributes(ctx)
	}
	r.follows = last.follows(ctx)
	return last
}

// follows reports whether this run comes after the result of a cron's run that went well,
// with nothing between the two that may have spent a token, and nothing that hurries it. A
// Schedule's run may follow one that was terminated, or be triggered by hand; a run that was
// reset may have called before.
func (r Result) follows(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return (r.Outcome == Refreshed || r.Outcome == Rested) &&
		info.ContinuedExecutionRunID != "" && workflow.GetLastError(ctx) == nil &&
		info.OriginalRunID == info.WorkflowExecution.RunID &&
		workflow.GetSignalChannel(ctx, RefreshNow).Len() == 0 && ctx.Err() == nil
}

// learn notes a refresh token that was issued, so that no later load of this run
// believes a vault that shows an older one.
func (r *run) learn(known activities.Known) {
	if known.Generation > r.known.Generation {
		r.known = known
	}
}

// learnFrom notes what a recovery has found.
func (r *run) learnFrom(recovery activities.RecoverResult) {
	if recovery.Found == activities.FoundInHistory {
		p := recovery.Called.Provenance
		r.learn(activities.Known{Generation: p.Generation, Fingerprint: p.Fingerprint})
	}
	r.learn(activities.Known{Generation: recovery.Generation})
}

// presentation is a refresh token that this run has presented without an answer.
type presentation struct {
	fingerprint token.Fingerprint
	first, last time.Time // between which it was presented
	inFlight    time.Time // until when the last call may be in flight
}

// noteUnsettled notes that the last call, whose last request was sent by the given time,
// has ended without an answer.
func (r *run) noteUnsettled(ctx workflow.Context, l activities.LoadResult, last time.Time) {
	if l.NonRotating {
		return
	}
	if r.unsettled.fingerprint != l.Provenance.Fingerprint {
		r.unsettled = presentation{fingerprint: l.Provenance.Fingerprint, first: r.called}
	}
	r.unanswered = true
	if last.After(r.unsettled.last) {
		r.unsettled.last = last
	}
	r.unsettled.inFlight = workflow.Now(ctx).Add(activities.MaxInFlight)
}

// withOwn adds what this run itself has done with the token, which the intent record leaves
// out: where it has presented it before, its first and its last request open windows that
// end hours apart.
func (r *run) withOwn(ctx workflow.Context, l activities.LoadResult) activities.LoadResult {
	if r.unsettled.fingerprint == l.Provenance.Fingerprint {
		own := workflow.GetInfo(ctx).WorkflowExecution.RunID
		l.MayHaveSpent = append(l.MayHaveSpent, vault.Intent{RunID: own, At: r.unsettled.first}, vault.Intent{RunID: own, At: r.unsettled.last})
	}
	l.Doubted = r.doubts.times > 0 && r.doubts.fingerprint == l.Provenance.Fingerprint
	return l
}
