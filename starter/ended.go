package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/token"
)

// endedAccounts are those that a command has taken away from this task queue. No run will
// say of them that they are well, so that the command itself takes them out of the open
// incidents; once for all of them, as an incident may have to hear of a fleet.
type endedAccounts struct {
	mu      sync.Mutex
	gone    []token.Account // nothing keeps them alive here
	changed []token.Account // those of them that the command has changed
	// audited is the action that the command's audit has for them; empty where the command
	// records more of each.
	audited string
}

// add notes an account that the command has stopped or moved.
func (e *endedAccounts) add(a token.Account) {
	e.addGone(a)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changed = append(e.changed, a)
}

// addGone notes an account that nothing keeps alive, as where a cron was terminated by hand.
func (e *endedAccounts) addGone(a token.Account) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = append(e.gone, a)
}

// perReport bounds the accounts of one report, which is one event of a history.
const perReport = 1000

// settleEnded reports and records what has ended, also where the command was interrupted.
func (app *temporalApp) settleEnded(ctx context.Context, audit func() (auditor, error)) {
	app.ended.mu.Lock()
	defer app.ended.mu.Unlock()
	if len(app.ended.gone) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := app.healEnded(ctx); err != nil {
		app.warn("open incidents still count what has ended, and find that out within 6 hours: %v", err)
	}
	if app.ended.audited == "" || len(app.ended.changed) == 0 {
		return
	}
	to, err := audit()
	if err != nil {
		app.warn("the audit line was not written: %v", err)
		return
	}
	to.recordMany(ctx, app.printer, app.ended.audited, app.ended.changed)
}

func (app *temporalApp) healEnded(ctx context.Context) error {
	open, err := incident.ListOpen(ctx, app.temporal, app.taskQueue)
	if err != nil {
		return err
	}
	reporter := &incident.Reporter{Temporal: app.temporal, TaskQueue: app.taskQueue}
	var failures []error
	for _, o := range open {
		var names []string
		for _, a := range app.ended.gone {
			if a.Provider == o.Provider {
				names = append(names, a.Provider+"/"+a.Name)
			}
		}
		for some := range slices.Chunk(names, perReport) {
			failures = append(failures, reporter.Report(ctx, o.Provider, o.Reason, incident.Report{
				Account: some[0], Others: some[1:], Healed: true, Perhaps: true, Message: "Nothing keeps it alive on this task queue any more.",
			}))
		}
	}
	return errors.Join(failures...)
}

// recordMany writes a line for each account and sends one event.
func (a auditor) recordMany(ctx context.Context, p printer, action string, accounts []token.Account) {
	const named = 10
	var names []string
	for _, account := range accounts {
		names = append(names, account.Provider+"/"+account.Name)
		if err := a.write(auditRecord{Action: action, Subject: names[len(names)-1], Vault: a.vault, Actor: actor()}); err != nil {
			p.warn("the audit line was not written: %v", err)
			break
		}
	}
	record := auditRecord{Action: action, Subject: names[0], Vault: a.vault, Actor: actor()}
	if len(names) > 1 {
		record.Subject = grouped(len(names)) + " accounts"
		record.Detail = strings.Join(names[:min(named, len(names))], ", ")
		if len(names) > named {
			record.Detail += fmt.Sprintf(" and %s more", grouped(len(names)-named))
		}
	}
	a.send(ctx, p, record)
}
