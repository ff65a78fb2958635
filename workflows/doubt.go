package workflows

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/window"
)

// maxDoubts is how often a run presents a refresh token outside a replay window to a
// provider whose answer may mean a dead grant. A gateway gives such answers in passing, and
// a dead token is not to be presented for ever.
const maxDoubts = 2

// The pauses between the two. A page that is no token endpoint's may be everyone's for a
// while, and would ask the owners of a whole fleet for consent.
const (
	doubtPause   = time.Minute
	passingPause = 30 * time.Minute
)

// doubts counts the calls of one refresh token that have ended as ProbablyDead.
type doubts struct {
	fingerprint token.Fingerprint
	times       int
}

func (d *doubts) add(f token.Fingerprint) int {
	if d.fingerprint != f {
		*d = doubts{fingerprint: f}
	}
	d.times++
	return d.times
}

// pauseInDoubt waits before the token is presented for the second time; a refresh-now
// signal cuts it short, as a new consent sends it. The call may have spent the token all
// the same, so that the pause is one of its window.
func (r *run) pauseInDoubt(ctx workflow.Context, loaded activities.LoadResult, refusal error) error {
	r.refusal = failureType(refusal)
	now := workflow.Now(ctx)
	w := window.Window{Opened: now, Length: loaded.ReplayWindow, LeastPause: loaded.RepeatPause}
	asked := doubtPause
	if activities.MayPass(refusal) {
		asked = passingPause
	}
	pause := w.Wait(window.Retry, asked, now)
	words := fmt.Sprintf("%s answered %s to the refresh of %s, which may mean a dead grant.", loaded.ProviderTitle, answerOf(refusal), r.account)
	r.isAt(ctx, CallStuck, words)
	r.setDetails(ctx, "%s Asking once more in %s.", words, pause.Round(time.Second))
	timerCtx, stopTimer := workflow.WithCancel(ctx)
	defer stopTimer()
	workflow.NewSelector(ctx).
		AddFuture(workflow.NewTimer(timerCtx, pause), func(workflow.Future) {}).
		AddReceive(workflow.GetSignalChannel(ctx, RefreshNow), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) }).
		AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
		Select(ctx)
	if ctx.Err() == nil {
		r.refusal = ""
	}
	return ctx.Err()
}

// reauthorizeInDoubt is the end of the recovery ladder for a grant that the provider
// refuses without calling it dead.
func reauthorizeInDoubt(loaded activities.LoadResult, recovery activities.RecoverResult, refusal error) error {
	fix := cmp.Or(activities.Fix(refusal), "have the account owner consent again, or check token_url of "+loaded.Account.Provider)
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("the grant of %s is probably dead: %s answered %s each time that generation %d (fingerprint %s) was presented; %s; %s; the next run presents the token again, at most twice",
			loaded.Account, loaded.ProviderTitle, answerOf(refusal), loaded.Provenance.Generation, loaded.Provenance.Fingerprint, nothingFound(recovery), fix),
		ReauthorizationRequired, nil)
}

// answerOf is the status and code of the provider's answer.
func answerOf(refusal error) string {
	return cmp.Or(printable(activities.Answer(refusal), longestText), "nothing that is understood")
}
