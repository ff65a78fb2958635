package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// say puts into words, for the Web UI, what the run is doing.
func (r *run) say(ctx workflow.Context, format string, args ...any) {
	workflow.SetCurrentDetails(ctx, fmt.Sprintf(format, args...))
}

// conclude says how the run ended, and tells a person where it needs one.
func (r *run) conclude(ctx workflow.Context, result Result, err error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	before := lastFailure(ctx)
	if err == nil {
		r.setHealth(ctx, HealthGood)
		r.say(ctx, "%s", inWords(result, workflow.Now(ctx)))
		for _, reason := range append(r.overdue, before) {
			if reason != "" {
				r.alert(ctx, activities.AlertInput{Reason: reason, Healed: true, Message: inWords(result, workflow.Now(ctx))})
			}
		}
		return
	}
	if temporal.IsCanceledError(err) {
		r.setHealth(ctx, HealthCancelled)
		r.say(ctx, "%s", r.cancelledInWords())
		return
	}
	reason := failureType(err)
	health := HealthFailed
	if reason == ReauthorizationRequired {
		health = HealthNeedsConsent
	}
	r.setHealth(ctx, health)
	r.say(ctx, "Failed: %s", message(err))
	if reason != before {
		// Every final failure waits for a person: what heals by itself is retried
		// and never gets here.
		r.alert(ctx, activities.AlertInput{Reason: reason, Message: message(err)})
	}
}

func (r *run) cancelledInWords() string {
	if r.unanswered {
		return fmt.Sprintf("Cancelled while the provider gave no answer. The refresh token of %s may be spent; the next run looks for what came of it.", r.account)
	}
	return fmt.Sprintf("Cancelled before %s was refreshed. Nothing was lost.", r.account)
}

// inWords tells a result to a person.
func inWords(r Result, now time.Time) string {
	switch r.Outcome {
	case Untouched:
		return fmt.Sprintf("The vault holds generation %d of %s/%s, which no run has been about to spend. There is nothing to recover.", r.Generation, r.Provider, r.Account)
	case Unchanged:
		words := fmt.Sprintf("Nothing newer than generation %d of %s/%s was found, neither in the vault nor in the histories of earlier runs (%d read).", r.Generation, r.Provider, r.Account, r.RunsRead)
		if len(r.RunsGone) > 0 {
			words += " But " + goneInWords(r.RunsGone) + "."
		}
		return words
	case Superseded:
		return fmt.Sprintf("The vault holds something newer than generation %d of %s/%s and was left as it is.", r.Generation, r.Provider, r.Account)
	}
	words := fmt.Sprintf("Generation %d of %s/%s is in the vault (%s).", r.Generation, r.Provider, r.Account, r.Outcome)
	if !r.AccessTokenExpiry.IsZero() {
		words += fmt.Sprintf(" The access token is good until %s, for %s.",
			r.AccessTokenExpiry.UTC().Format("2006-01-02 15:04:05 MST"), r.AccessTokenExpiry.Sub(now).Round(time.Second))
	}
	return words
}

// goneInWords tells of runs whose histories a recovery could not read.
func goneInWords(runs []string) string {
	if len(runs) == 1 {
		return fmt.Sprintf("the history of run %s, which was about to spend it, is gone or cannot be found", runs[0])
	}
	return fmt.Sprintf("the histories of runs %s, which were about to spend it, are gone or cannot be found", strings.Join(runs, " and "))
}
