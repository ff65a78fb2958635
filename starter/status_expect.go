package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// expectation is a file of the accounts that should be kept alive.
type expectation struct {
	file    string
	targets []target
}

func readExpected(file string, s settings, provider string) (*expectation, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--expect: %w", err)
	}
	all, err := parseListed(file, string(text), s.providers, inherited{provider: provider})
	if err != nil {
		return nil, fmt.Errorf("--expect: %w", err)
	}
	e := &expectation{file: file}
	for _, l := range all {
		t, err := l.target(s.providers)
		if err != nil {
			return nil, fmt.Errorf("--expect: %w", err)
		}
		e.targets = append(e.targets, t)
	}
	return e, nil
}

// comparison is what --expect prints as JSON.
type comparison struct {
	Expected int `json:"expected"`
	// Missing should be kept alive and are not.
	Missing []missingAccount `json:"missing"`
	// Unexpected are kept alive and are not in the file.
	Unexpected []row `json:"unexpected"`
	// Moved are in the file under the name that they had before a move.
	Moved []movedAccount `json:"moved"`
	// Asleep have a Schedule that is paused, or that has no time left, and no run at work.
	Asleep []missingAccount `json:"asleep"`
	// NeedAttention are those that are kept alive and need attention, up to 100.
	NeedAttention []row `json:"needAttention"`
}

type missingAccount struct {
	Account  string `json:"account"`
	Provider string `json:"provider"`
	Command  string `json:"command"` // has it kept alive
}

type movedAccount struct {
	Account  string `json:"account"`
	Provider string `json:"provider"`
	MovedTo  string `json:"movedTo"`
}

// keptAlive is what keeps accounts alive, by the ids that starter gives.
type keptAlive struct {
	crons     map[string]*workflowpb.WorkflowExecutionInfo
	schedules map[string]*client.ScheduleListEntry
}

func (k keptAlive) has(t target) bool {
	return k.crons[t.id] != nil || k.schedules[t.scheduleID()] != nil
}

// wake is the command that has an account kept alive again whose Schedule starts nothing;
// empty where something does.
func (k keptAlive) wake(t target) string {
	s := k.schedules[t.scheduleID()]
	switch {
	case s == nil || k.crons[t.id] != nil:
		return ""
	case s.Paused:
		return shell("temporal", "schedule", "toggle", "--schedule-id", s.ID, "--unpause", "--reason", "kept alive again")
	case len(s.NextActionTimes) == 0:
		return t.command("start") // in the place of the Schedule
	}
	return ""
}

func (k keptAlive) drop(t target) {
	delete(k.crons, t.id)
	delete(k.schedules, t.scheduleID())
}

// compare prints what differs from the file, and returns needsAttention for that and for
// accounts that are not well. It lists a fleet and reads none of the accounts that are
// where they should be.
func (app *temporalApp) compare(ctx context.Context, o statusOptions) error {
	all, err := app.listEverything(ctx)
	if err != nil {
		return err
	}
	c := comparison{Missing: []missingAccount{}, Asleep: []missingAccount{}, Moved: []movedAccount{}, Unexpected: []row{}, NeedAttention: []row{}}
	for _, t := range o.expected.targets {
		if o.only.provider != "" && o.only.provider != t.Account.Provider {
			continue
		}
		c.Expected++
		if all.has(t) {
			if wake := all.wake(t); wake != "" {
				c.Asleep = append(c.Asleep, missingAccount{t.Account.Name, t.Account.Provider, wake})
			}
			all.drop(t)
			continue
		}
		to, hasMoved, err := app.movedTo(ctx, o.settings, t, all)
		switch {
		case err != nil:
			return err
		case hasMoved:
			all.drop(to)
			c.Moved = append(c.Moved, movedAccount{t.Account.Name, t.Account.Provider, to.named()})
		default:
			c.Missing = append(c.Missing, missingAccount{t.Account.Name, t.Account.Provider, t.command("start")})
		}
	}
	if c.Unexpected, err = app.unexpected(ctx, all, o.only.provider); err != nil {
		return err
	}
	var partial string
	if c.NeedAttention, partial, err = app.findByHealth(ctx, o.only, needingAttention(), pageOfMany); err != nil {
		return err
	}
	sortRows(c.NeedAttention)
	c.NeedAttention = append([]row{}, c.NeedAttention...)
	return app.printComparison(ctx, c, o, partial)
}

// movedTo finds the account at the successor that keeps an expected one's secrets.
func (app *temporalApp) movedTo(ctx context.Context, s settings, t target, all keptAlive) (to target, hasMoved bool, err error) {
	to, err = successorOf(s, t)
	if err != nil || !all.has(to) {
		return to, false, nil
	}
	input, err := app.inputOf(ctx, to)
	if err != nil {
		return to, false, err
	}
	account, err := input.Check()
	return to, err == nil && account == to.Account, nil
}

// listEverything lists what keeps accounts alive, and reads nothing of it.
func (app *temporalApp) listEverything(ctx context.Context) (keptAlive, error) {
	all := keptAlive{crons: map[string]*workflowpb.WorkflowExecutionInfo{}, schedules: map[string]*client.ScheduleListEntry{}}
	running, err := app.listRunning(ctx, selection{})
	if err != nil {
		return all, err
	}
	for _, info := range running {
		id := info.GetExecution().GetWorkflowId()
		if !strings.HasSuffix(id, "--recover") { // a recovery keeps nothing alive
			all.crons[id] = info
		}
	}
	err = app.eachSchedule(ctx, func(s *client.ScheduleListEntry) { all.schedules[s.ID] = s })
	return all, err
}

// unexpected reads what is left over.
func (app *temporalApp) unexpected(ctx context.Context, left keptAlive, provider string) ([]row, error) {
	var crons []*workflowpb.WorkflowExecutionInfo
	for _, info := range left.crons {
		crons = append(crons, info)
	}
	var schedules []string
	for id := range left.schedules {
		schedules = append(schedules, id)
	}
	rows, err := app.rowsOf(ctx, crons, schedules)
	rows = slices.DeleteFunc(rows, func(r row) bool { return provider != "" && r.Provider != provider })
	sortRows(rows)
	return rows, err
}

func (app *temporalApp) printComparison(ctx context.Context, c comparison, o statusOptions, partial string) error {
	for _, accounts := range [][]missingAccount{c.Missing, c.Asleep} {
		slices.SortFunc(accounts, func(a, b missingAccount) int {
			return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Account, b.Account))
		})
	}
	if o.asJSON {
		if err := app.json(c); err != nil {
			return err
		}
	} else {
		app.sayComparison(c, time.Now())
	}
	if partial != "" {
		app.say("%s", partial)
	}
	app.warnOfIdleQueue(ctx)
	var wrong []string
	for _, count := range []struct {
		n    int
		what string
	}{{len(c.Missing), "missing"}, {len(c.Asleep), "asleep"}, {len(c.Unexpected), "not in the file"}, {len(c.NeedAttention), "in need of attention"}} {
		if count.n > 0 {
			wrong = append(wrong, fmt.Sprintf("%s %s", grouped(count.n), count.what))
		}
	}
	if len(wrong) > 0 {
		return needsAttention{fmt.Sprintf("%s accounts are expected by %s: %s", grouped(c.Expected), o.expected.file, strings.Join(wrong, ", "))}
	}
	app.say("All %s accounts of %s are kept alive, no others are, and none needs attention.", grouped(c.Expected), o.expected.file)
	return nil
}

func (app *temporalApp) sayComparison(c comparison, now time.Time) {
	for _, m := range c.Missing {
		app.say("Missing: nothing keeps %s/%s alive; start its cron with: %s", m.Provider, m.Account, m.Command)
	}
	for _, a := range c.Asleep {
		app.say("Asleep: the Schedule of %s/%s starts nothing; wake it with: %s", a.Provider, a.Account, a.Command)
	}
	for _, r := range c.Unexpected {
		app.say("Not in the file: %s, by %s; add it to the file, or end it with: %s", r.label(), r.key(), r.stop())
	}
	for _, m := range c.Moved {
		app.say("%s/%s has moved, and is %s now; put that into the file.", m.Provider, m.Account, m.MovedTo)
	}
	app.sayCauses(c.NeedAttention, now)
}

// stop is the command that ends what keeps the account alive.
func (r row) stop() string {
	a := token.Account{Provider: r.Provider, Name: r.Account}
	switch {
	case r.ScheduleID != "" && r.ScheduleID != workflows.ID(a)+scheduleSuffix:
		return shell("temporal", "schedule", "delete", "--schedule-id", r.ScheduleID)
	case r.ScheduleID == "" && r.WorkflowID != workflows.ID(a):
		return shell("temporal", "workflow", "cancel", "--workflow-id", r.WorkflowID)
	}
	return command("stop", "--account", r.Account, "--provider", r.Provider)
}
