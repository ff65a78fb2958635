package main

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

func (app *temporalApp) printStatus(a statusAnswer, now time.Time) error {
	if a.only.asJSON {
		if a.only.summary {
			return app.json(a.summary)
		}
		if a.partial != "" {
			app.say("%s", a.partial)
		}
		return app.json(append([]row{}, a.rows...)) // an empty list is [] in JSON
	}
	if a.summary != nil {
		app.printSummary(*a.summary, now)
	}
	if len(a.rows) > 0 {
		if err := table(app.out, a.rows, now); err != nil {
			return err
		}
	}
	if a.partial != "" {
		app.say("%s", a.partial)
	}
	app.sayCauses(a.rows, now)
	switch {
	case a.summary != nil && !a.only.summary:
		app.say("Of so many accounts only those that need attention are shown. All: %s. One health: %s", command("status", "--all"), command("status", "--health", string(waiting)))
	case len(a.rows) == 0 && len(a.only.health) > 0:
		app.say("No account is %s.", orList(a.only.health))
	}
	return nil
}

// sayCauses prints for each account that needs attention why, with the fix.
func (app *temporalApp) sayCauses(rows []row, now time.Time) {
	for _, r := range rows {
		if r.needsAttention() {
			app.say("%s is %s: %s", r.label(), r.Health, app.advice(r, now))
		}
	}
}

// label is the account's name; a workflow with an input that means no account has its id.
func (r row) label() string {
	if r.Provider == "" {
		return r.Account
	}
	return r.name()
}

// advice is the cause, or what a move has left to do.
func (app *temporalApp) advice(r row, now time.Time) string {
	if r.MovedTo != "" {
		words := []string{"stop", "--account", r.Account, "--provider", r.Provider}
		return fmt.Sprintf("it has moved, and is %s now; end what refreshes it under its old name with: %s", r.MovedTo, command(words...))
	}
	return app.cause(r, now)
}

func orList(all []Health) string {
	words := string(all[0])
	for _, h := range all[1:] {
		words += " or " + string(h)
	}
	return words
}

func table(to io.Writer, rows []row, now time.Time) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	printRow(w, "ACCOUNT", "PROVIDER", "HEALTH", "GENERATION", "ACCESS TOKEN", "LAST RUN", "NEXT RUN")
	for _, r := range rows {
		printRow(w, r.Account, r.Provider, r.Health, r.generation(), fromNow("expires in ", "expired ", r.AccessTokenExpiry, now),
			r.last(now), r.next(now))
	}
	return w.Flush()
}

const unknown = "-"

func (r row) generation() string {
	if r.Generation == nil {
		return unknown
	}
	return fmt.Sprint(*r.Generation)
}

func (r row) last(now time.Time) string {
	if r.LastRun.IsZero() {
		return unknown
	}
	return fmt.Sprintf("%s %s ago", cmp.Or(r.LastOutcome, "ended"), span(now.Sub(r.LastRun)))
}

func (r row) next(now time.Time) string {
	if !r.Working.IsZero() {
		return "at work for " + span(now.Sub(r.Working))
	}
	return fromNow("in ", "due ", r.NextRun, now)
}

func fromNow(ahead, behind string, t, now time.Time) string {
	switch {
	case t.IsZero():
		return unknown
	case t.After(now):
		return ahead + span(t.Sub(now))
	}
	return behind + span(now.Sub(t)) + " ago"
}
