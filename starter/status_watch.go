package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"tokenkeeper/workflows"
)

const (
	// watchInterval is between two looks. watchShare bounds the part of the time in which a
	// watch has Temporal work: a look at many accounts takes longer.
	watchInterval = 2 * time.Second
	watchShare    = 5
)

// watch shows the accounts until ctx ends, which is its regular end. That Temporal does not
// answer for a while does not end it.
func (app *temporalApp) watch(ctx context.Context, o statusOptions) error {
	screen := app.screen(o)
	before := map[string]row{}
	for first := true; ; {
		began := time.Now()
		answer, err := app.readStatus(ctx, o)
		read := err == nil
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case !read:
			app.warn("%s: no answer, and still watching: %v", time.Now().Format(time.TimeOnly), server{app.address, app.namespace}.describeError(err))
		case screen != nil:
			err = app.redraw(screen, answer)
		case first && !o.asJSON:
			err = app.printStatus(answer, time.Now())
		default:
			err = app.printChanges(before, answer, o.asJSON)
		}
		if read && err != nil {
			return err // of the output
		}
		if read {
			before, first = byKey(answer), false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(watchInterval, watchShare*time.Since(began))):
		}
	}
}

// screen is the terminal that the answer is shown on in place; nil where lines are printed.
func (app *temporalApp) screen(o statusOptions) *os.File {
	t, ok := app.out.(terminalWriter)
	if !ok || o.asJSON || t.file() == nil || !isatty.IsTerminal(t.file().Fd()) {
		return nil
	}
	return t.file()
}

// redraw shows the answer from the terminal's first line on. Nothing but the two sequences
// goes past the [terminalWriter].
func (app *temporalApp) redraw(screen *os.File, answer statusAnswer) error {
	const home, clearRest = "\x1b[H", "\x1b[J"
	var text strings.Builder
	page := *app
	page.out = terminalWriter{&text}
	page.notes = page.out
	if err := page.printStatus(answer, time.Now()); err != nil {
		return err
	}
	if err := answer.attention(); err != nil {
		page.say("%v", err)
	}
	page.say("At %s. Ctrl-C ends.", time.Now().Format(time.TimeOnly))
	const clearLine = "\x1b[K"
	_, err := io.WriteString(screen, home+strings.ReplaceAll(fit(text.String(), screen), "\n", clearLine+"\n")+clearRest)
	return err
}

// fit is a text in as many lines as the terminal has, each in one of them.
func fit(text string, screen *os.File) string {
	width, height, err := term.GetSize(int(screen.Fd()))
	if err != nil || width < 1 || height < 3 {
		return text
	}
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(all) >= height {
		left := len(all) - (height - 3)
		last := all[len(all)-1]
		all = append(all[:height-3], fmt.Sprintf("… %d lines more; --health and --provider show fewer", left-1), last)
	}
	for i, l := range all {
		if characters := []rune(l); len(characters) > width {
			all[i] = string(characters[:width-1]) + "…"
		}
	}
	return strings.Join(all, "\n") + "\n"
}

func byKey(a statusAnswer) map[string]row {
	rows := map[string]row{}
	for _, r := range a.rows {
		rows[r.key()] = r
	}
	if a.summary != nil {
		rows[""] = row{LastOutcome: a.summary.counts()}
	}
	return rows
}

// counts is the summary in one line.
func (s fleetSummary) counts() string {
	line := grouped(s.Accounts) + " accounts"
	for _, h := range healths {
		if n := s.Health[workflows.Health(h)]; n > 0 {
			line += fmt.Sprintf(", %s %s", grouped(n), h)
		}
	}
	return line
}

// change is one line of a watch with --output json.
type change struct {
	At time.Time `json:"at"`
	// Before is the health before; empty for an account that is new to the watch.
	Before Health `json:"before,omitempty"`
	// Gone: it is no longer kept alive, or no longer among what is watched.
	Gone    bool          `json:"gone,omitempty"`
	Account *row          `json:"account,omitempty"`
	Summary *fleetSummary `json:"summary,omitempty"`
}

// printChanges prints a line for each account whose health, last run or last failure is
// another one than before.
func (app *temporalApp) printChanges(before map[string]row, answer statusAnswer, asJSON bool) error {
	now := time.Now()
	seen := map[string]bool{"": true}
	if s := answer.summary; s != nil && before[""].LastOutcome != s.counts() {
		if err := app.printChange(asJSON, change{At: now.UTC(), Summary: s}); err != nil {
			return err
		}
	}
	for _, r := range answer.rows {
		seen[r.key()] = true
		was, known := before[r.key()]
		if known && !r.differs(was) {
			continue
		}
		if err := app.printChange(asJSON, change{At: now.UTC(), Before: was.Health, Account: &r}); err != nil {
			return err
		}
	}
	for key, was := range before {
		if !seen[key] {
			if err := app.printChange(asJSON, change{At: now.UTC(), Before: was.Health, Gone: true, Account: &was}); err != nil {
				return err
			}
		}
	}
	return nil
}

// differs reports whether there is something new to tell.
func (r row) differs(was row) bool {
	message := func(f *runFailure) string {
		if f == nil {
			return ""
		}
		return f.Message
	}
	return r.Health != was.Health || !r.LastRun.Equal(was.LastRun) || message(r.LastFailure) != message(was.LastFailure) || r.MovedTo != was.MovedTo
}

func (app *temporalApp) printChange(asJSON bool, c change) error {
	if asJSON {
		encoder := json.NewEncoder(app.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(c)
	}
	at := c.At.Local().Format(time.TimeOnly)
	switch {
	case c.Summary != nil:
		app.say("%s  %s", at, c.Summary.counts())
	case c.Gone:
		app.say("%s  %s: no longer watched; it was %s", at, c.Account.label(), c.Before)
	default:
		app.say("%s  %s: %s", at, c.Account.label(), app.news(*c.Account, c.Before, c.At))
	}
	return nil
}

// news is what has changed of an account.
func (app *temporalApp) news(r row, before Health, now time.Time) string {
	words := string(r.Health)
	if before != "" && before != r.Health {
		words = fmt.Sprintf("%s, was %s", r.Health, before)
	}
	switch {
	case r.needsAttention():
		words += ": " + app.advice(r, now)
	case r.Health == healthy:
		words += fmt.Sprintf("; generation %s, %s", r.generation(), r.last(now))
	}
	return words
}
