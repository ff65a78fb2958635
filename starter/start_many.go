package main

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"tokenkeeper/internal/provider"
)

// startMany starts the crons of many accounts, staggered over the cron's period. An empty
// cron is the one that suits each provider.
func (app *temporalApp) startMany(ctx context.Context, all []listed, providers provider.Table, options startOptions) error {
	crons := make(map[string]string) // by provider
	for _, l := range all {
		if crons[l.account.Provider] == "" {
			t, err := l.target(providers)
			if err != nil {
				return err
			}
			crons[l.account.Provider] = cmp.Or(options.cron, cronOf(t.period()))
		}
	}
	m := many{printer: &app.printer, at: app.server(), verb: "start", doing: "Starting", done: "started", dryRun: options.dryRun, asJSON: options.asJSON}
	if _, err := app.attributes(ctx); err != nil { // once, and not in the time of an account
		return m.conclude(ctx, m.untried(len(all), err))
	}
	err := m.run(ctx, len(all), jobsOf(targetsOf(all, providers), func(t target) job {
		return job{do: func(ctx context.Context) (did, detail string, err error) {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			cron := staggered(t, options.cron)
			if options.dryRun {
				return app.wouldStart(ctx, t, cron, options.cron == "")
			}
			started, err := app.startCron(ctx, t, cron, options.cron == "")
			return wordFor(started), cron, err
		}}
	}))
	for _, provider := range slices.Sorted(maps.Keys(crons)) {
		name := "Cron"
		if len(crons) > 1 {
			name += " at " + provider
		}
		app.field(name, cronInWords(crons[provider])+", at minutes of its own for each account")
	}
	app.field("Web UI", app.link("workflows"))
	if err == nil {
		app.warnOfIdleQueue(ctx)
	}
	return err
}

// startState is what a start did, or found.
type startState int

const (
	runsAlready startState = iota
	isStarted
	isConverted // from a Schedule
)

func wordFor(s startState) string {
	return map[startState]string{runsAlready: "already running", isStarted: "started", isConverted: "converted from a Schedule"}[s]
}

// wouldStart is startCron that only looks.
func (app *temporalApp) wouldStart(ctx context.Context, t target, cron string, anyPhase bool) (did, detail string, err error) {
	runID, err := app.running(ctx, t.id)
	if err != nil {
		return "", "", err
	}
	if runID != "" {
		running, err := app.describe(ctx, t.id, runID)
		if err != nil {
			return "", "", err
		}
		return wordFor(runsAlready), running.Cron, checkConflict(running, t, cron, anyPhase)
	}
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	switch {
	case err != nil:
		return "", "", err
	case schedule == nil:
		return "would be started", cron, nil
	}
	return "would be converted from a Schedule", cron, refusePaused(t, schedule)
}
