package workflows

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
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

// Health is a value of TokenHealth.
type Health string

const (
	HealthRefreshing   Health = "refreshing"    // a run is at work
	HealthGood         Health = "healthy"       // the vault holds a fresh pair
	HealthStuck        Health = "stuck"         // a run is overdue, and tries on
	HealthNeedsConsent Health = "needs-consent" // the account owner must consent again
	HealthFailed       Health = "failed"        // the last run failed for another reason
	HealthCancelled    Health = "cancelled"     // the last run was cancelled before it had refreshed
)

// Attributes says which search attributes the namespace has. Setting one that it does not
// have would block the run; a namespace that an operator has to add them to may have the
// first three only.
type Attributes struct {
	Searchable  bool `json:"searchable"`  // TokenAccount, TokenProvider and TokenHealth: an account's runs are found
	ConsentEnds bool `json:"consentEnds"` // TokenConsentEnds
	User        bool `json:"user"`        // TokenUser
}

// recordAttributes puts what this worker knows of the namespace into the history,
// so that every worker replays the run alike.
func (w *Workflows) recordAttributes(ctx workflow.Context) (known Attributes) {
	recorded := workflow.SideEffect(ctx, func(workflow.Context) any { return w.Attributes })
	if recorded.Get(&known) == nil {
		return known
	}
	// Earlier histories hold one bool, which is taken to say nothing of the later two.
	var searchable bool
	err := recorded.Get(&searchable)
	return Attributes{Searchable: err == nil && searchable}
}

// setHealth sets the health, and others in the same event.
func (r *run) setHealth(ctx workflow.Context, health Health, others ...temporal.SearchAttributeUpdate) {
	others = append(others, r.updateUser()...)
	r.setSearchAttributes(ctx, append(others, TokenHealth.ValueSet(string(health)))...)
}

// updateUser is the update of TokenUser that a newly known user needs, or none.
func (r *run) updateUser() []temporal.SearchAttributeUpdate {
	if r.user == r.userShown || !r.attributes.User {
		return nil
	}
	r.userShown = r.user
	return []temporal.SearchAttributeUpdate{TokenUser.ValueSet(r.user)}
}

// updateEnds is the update of TokenConsentEnds that a newly known end needs, or none. A
// cron's next run inherits no attribute, so that each run begins with the last one's.
func (r *run) updateEnds() []temporal.SearchAttributeUpdate {
	if r.ends.Equal(r.endsShown) || !r.attributes.ConsentEnds {
		return nil
	}
	r.endsShown = r.ends
	if r.ends.IsZero() {
		return []temporal.SearchAttributeUpdate{TokenConsentEnds.ValueUnset()}
	}
	return []temporal.SearchAttributeUpdate{TokenConsentEnds.ValueSet(r.ends)}
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
		r.setHealth(ctx, HealthGood, r.updateEnds()...)
		r.setDetails(ctx, "%s", words)
		for _, reason := range append(r.overdue, before) {
			if reason != "" {
				r.alert(ctx, activities.AlertInput{Reason: reason, Healed: true, Message: words})
			}
		}
		return
	}
	if temporal.IsCanceledError(err) {
		r.setHealth(ctx, HealthCancelled, r.updateEnds()...)
		r.setDetails(ctx, r.cancelledWords(), r.account)
		return
	}
	reason := failureType(err)
	health := HealthFailed
	if reason == ReauthorizationRequired {
		health = HealthNeedsConsent
	}
	r.setHealth(ctx, health, r.updateEnds()...)
	r.setDetails(ctx, "Failed: %s", message(err))
	if reason != before {
		// What heals by itself is retried, so that every failure needs the operator.
		r.alert(ctx, activities.AlertInput{Reason: reason, Message: message(err)})
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
