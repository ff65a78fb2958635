package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/token"
)

// The search attributes that runs carry where the namespace has them.
var (
	TokenAccount  = temporal.NewSearchAttributeKeyKeyword("TokenAccount")
	TokenProvider = temporal.NewSearchAttributeKeyKeyword("TokenProvider")
	TokenHealth   = temporal.NewSearchAttributeKeyKeyword("TokenHealth")
	// TokenConsentEnds is the earlier one of a grant's two ends; see [Result.ConsentEnds].
	TokenConsentEnds = temporal.NewSearchAttributeKeyTime("TokenConsentEnds")
	// TokenUser is the same for two accounts of one user; see [token.UserMark].
	TokenUser = temporal.NewSearchAttributeKeyKeyword("TokenUser")
)

// Health is a value of TokenHealth: an account's health as its last run left it, until the
// run at work knows better.
type Health string

const (
	HealthGood         Health = "healthy"       // the last run left a fresh pair in the vault
	HealthStuck        Health = "stuck"         // a run is overdue, and tries on
	HealthNeedsConsent Health = "needs-consent" // the account owner must consent again
	HealthFailed       Health = "failed"        // the last run failed for another reason
	HealthCancelled    Health = "cancelled"     // the last run was cancelled before it had refreshed
)

// Attributes says which search attributes the namespace has.
type Attributes = activities.Attributes

// recordAttributes puts what this worker knows of the namespace into the history,
// so that every worker replays the run alike.
func (w *Workflows) recordAttributes(ctx workflow.Context) (known Attributes) {
	_ = workflow.SideEffect(ctx, func(workflow.Context) any { return w.Attributes }).Get(&known)
	return known
}

// shown are the values of search attributes that a run has set; zero values where it has
// set none.
type shown struct {
	health Health
	user   string
	ends   time.Time
}

// showAccount sets what is known of the account when the run begins, its health as the last
// run left it: nothing that changes from one good run to the next, so that this is the only
// update of a run that goes well. A cron's next run has those that
// the cron was started with, and none that a run has set.
func (r *run) showAccount(ctx workflow.Context) {
	updates := []temporal.SearchAttributeUpdate{TokenAccount.ValueSet(r.account.Name), TokenProvider.ValueSet(r.account.Provider)}
	r.setSearchAttributes(ctx, append(updates, r.changes(r.leftBehind(ctx))...)...)
}

// leftBehind is the health that the run before this one left; empty where there was none.
func (r *run) leftBehind(ctx workflow.Context) Health {
	switch reason := failureType(workflow.GetLastError(ctx)); {
	case reason != "":
		return healthAfter(reason)
	case r.known != activities.Known{}:
		return HealthGood
	}
	return ""
}

func healthAfter(reason string) Health {
	if reason == ReauthorizationRequired {
		return HealthNeedsConsent
	}
	return HealthFailed
}

// show sets the health, and what else has become known, in one event; none where nothing
// has changed. An end of the consent that has only moved further away is left to the next
// run, unless it costs nothing.
func (r *run) show(ctx workflow.Context, health Health) {
	soon := r.ends.IsZero() || r.shown.ends.IsZero() || r.ends.Before(r.shown.ends.Add(-endTolerance))
	if health == r.shown.health && (r.user == r.shown.user || !r.attributes.User) && (!soon || !r.endsDiffer()) {
		return
	}
	r.setSearchAttributes(ctx, r.changes(health)...)
}

// endTolerance is how far two answers of a provider that give the seconds that are left may
// be apart about the same end.
const endTolerance = time.Minute

func (r *run) endsDiffer() bool {
	return r.attributes.ConsentEnds && !r.ends.Equal(r.shown.ends)
}

// changes are the updates of what differs from what is shown.
func (r *run) changes(health Health) (updates []temporal.SearchAttributeUpdate) {
	if health != r.shown.health {
		r.shown.health = health
		updates = append(updates, TokenHealth.ValueSet(string(health)))
	}
	if r.user != r.shown.user && r.attributes.User {
		r.shown.user = r.user
		updates = append(updates, TokenUser.ValueSet(r.user))
	}
	if r.endsDiffer() {
		r.shown.ends = r.ends
		if r.ends.IsZero() {
			updates = append(updates, TokenConsentEnds.ValueUnset())
		} else {
			updates = append(updates, TokenConsentEnds.ValueSet(r.ends))
		}
	}
	return updates
}

func (r *run) setSearchAttributes(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) {
	if !r.attributes.Searchable {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Warn("cannot set search attributes", "error", err)
	}
}

// setDetails tells the Web UI what the run is doing.
func (r *run) setDetails(ctx workflow.Context, format string, args ...any) {
	workflow.SetCurrentDetails(ctx, fmt.Sprintf(format, args...))
}

// finish sets health and details to how the run ended, and alerts a failure or the
// end of one.
func (r *run) finish(ctx workflow.Context, result Result, err error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.settleAlerts(ctx)
	before := failureType(workflow.GetLastError(ctx)) // of the cron's run before this one
	if err == nil {
		words := inWords(result, workflow.Now(ctx))
		r.ends = result.ConsentEnds()
		r.user = cmp.Or(token.UserMark(result.Provider, result.UserID), r.user)
		r.show(ctx, HealthGood)
		r.setDetails(ctx, "%s", words)
		r.heal(ctx, words, append(r.overdue, before)...)
		for _, reason := range r.openIncidents {
			known := slices.Contains(r.overdue, reason) || reason == before
			soon := reason == incident.ConsentEnds && result.ConsentTold > 0
			if !known && !soon {
				r.alert(ctx, activities.AlertInput{Reason: reason, Healed: true, Perhaps: true, Message: words})
			}
		}
		return
	}
	if temporal.IsCanceledError(err) {
		r.show(ctx, HealthCancelled)
		r.setDetails(ctx, r.cancelledWords(), r.account)
		return
	}
	reason := failureType(err)
	r.show(ctx, healthAfter(reason))
	over, words := slices.Clone(r.overdue), "It is over as such: the run has ended as "+reason+"."
	if before != reason {
		over = append(over, before)
	}
	r.setDetails(ctx, "Failed: %s", message(err))
	if reason != before {
		// What heals by itself is retried, so that every failure needs the operator.
		r.alert(ctx, activities.AlertInput{Reason: reason, Message: message(err)})
	}
	r.heal(ctx, words, slices.DeleteFunc(over, func(o string) bool { return o == reason })...)
}

// heal reports the ends of the incidents that this run knows the account to have.
func (r *run) heal(ctx workflow.Context, words string, reasons ...string) {
	for _, reason := range reasons {
		if reason != "" {
			r.alert(ctx, activities.AlertInput{Reason: reason, Healed: true, Message: words})
		}
	}
}

// cancelledWords say what a cancelled run leaves behind; they name the account.
func (r *run) cancelledWords() string {
	switch {
	case r.refusal == activities.ProbablyDead:
		return "Cancelled after the provider refused the refresh token of %s in words that may mean a dead grant. The next run presents it again."
	case r.refusal == activities.AnswerLost:
		return "Cancelled after the answer that spent the refresh token of %s was lost. Its successor was not found yet; the next run searches on."
	case r.refusal != "":
		return "Cancelled after the provider called the refresh token of %s dead. Its successor was not found yet; the next run searches on."
	case r.unanswered:
		return "Cancelled while the provider gave no answer. The refresh token of %s may be spent; the next run searches for its successor."
	}
	return "Cancelled before %s was refreshed. Nothing was lost."
}

// refuse ends a run whose input means no account. It alerts like any other failure; an
// operator who asks for a recovery has the answer.
func (r *run) refuse(ctx workflow.Context, in Input, problem error) error {
	r.account = in.named()
	err := temporal.NewNonRetryableApplicationError(printable(problem.Error(), longestText), activities.InvalidInput, nil)
	if in.Recover {
		r.setDetails(ctx, "Failed: %s", message(err))
		return err
	}
	r.finish(ctx, Result{}, err)
	return err
}

// longestText bounds a text from outside in a message, in characters.
const longestText = 500

// printable is a text from outside as messages may show it.
func printable(text string, longest int) string {
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, strings.ToValidUTF8(text, "?"))
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest]) + "…"
	}
	return text
}

// inWords describes a result.
func inWords(r Result, now time.Time) string {
	switch r.Outcome {
	case Rested:
		return fmt.Sprintf("Generation %d of %s/%s is only kept alive, and due again from %s on. Nothing was refreshed.",
			r.Generation, r.Provider, r.Account, r.RestsUntil.UTC().Format("2006-01-02 15:04 MST"))
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
	if r.GrantEnds.After(now) {
		words += fmt.Sprintf(" The consent ends on %s, in %s, whatever is refreshed.", day(r.GrantEnds), days(r.GrantEnds, now))
	}
	if r.RefreshTokenEnds.After(now) {
		words += fmt.Sprintf(" Without another refresh it ends on %s, in %s.", day(r.RefreshTokenEnds), days(r.RefreshTokenEnds, now))
	}
	return words
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// days is the whole days until an end, in words; hours on the last one.
func days(end, now time.Time) string {
	left := end.Sub(now)
	switch n := int(left.Hours()) / 24; n {
	case 0:
		return left.Round(time.Hour).String()
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}

// goneInWords names the runs whose histories a recovery could not read.
func goneInWords(runs []string) string {
	if len(runs) == 1 {
		return fmt.Sprintf("the history of run %s, which was about to spend it, is gone or cannot be found", runs[0])
	}
	return fmt.Sprintf("the histories of runs %s, which were about to spend it, are gone or cannot be found", strings.Join(runs, " and "))
}
