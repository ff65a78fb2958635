package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/workflows"
)

type stopOptions struct {
	file        string
	all         bool
	yes, dryRun bool
	asJSON      bool
}

func newStop(environ map[string]string) *cobra.Command {
	var options stopOptions
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "End what keeps an account alive; its tokens stay",
		Long: `Ends an account's cron or Schedule. One that waits for its time ends at once, and
needs no worker for it. A run at work brings its pair home first, and is waited for;
Ctrl-C stops the waiting and not the end, and leaves a Schedule paused that has such
a run until stop is repeated. Nothing is revoked, and no secret is touched: starter
start goes on with the same tokens, for as long as the provider keeps them without a
refresh.

--accounts stops those in a file, --all those on this task queue, with --provider
those of one provider whose workflows have the ids that starter gives. Both ask first,
and can be interrupted and repeated: what has ended is left alone.`,
		Example: `  starter stop --account will
  starter stop --accounts accounts.txt --yes
  starter stop --all --provider fitbit --dry-run`,
	}
	cmd.Flags().StringVar(&options.file, "accounts", "", "stop the accounts in this `FILE`")
	cmd.Flags().BoolVar(&options.all, "all", false, "stop all accounts of this task queue, or those of --provider")
	cmd.Flags().BoolVar(&options.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "show what would be done, and touch nothing")
	output := outputFlag(cmd, "text")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		options.asJSON = *output == "json"
		if options.all && options.file != "" {
			return usageError{errors.New("--all and --accounts do not go together; leave one of them out")}
		}
		if options.all && cmd.Flags().Changed("account") {
			return usageError{errors.New("--all and --account do not go together; leave one of them out")}
		}
		var all []listed
		if options.file != "" {
			err := refuseSingle(cmd)
			if err == nil {
				all, err = readListed(options.file, s.providers, inherited{provider: t.Account.Provider})
			}
			if err != nil {
				return usageError{err}
			}
		}
		return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error {
			if options.asJSON {
				app.jsonOutput()
			}
			app.ended.audited = auditStop
			switch {
			case options.all:
				only := ""
				if cmd.Flags().Changed("provider") {
					only = t.Provider.Name
				}
				kept, err := app.listKeepers(ctx, only)
				if err == nil && !options.dryRun {
					err = app.mendAllEnded(ctx, only)
				}
				if err != nil {
					return err
				}
				return app.stopMany(ctx, newPrompter(cmd), len(kept), keepersOf(kept), options)
			case options.file != "":
				return app.stopMany(ctx, newPrompter(cmd), len(all), keepersIn(all, s.providers), options)
			}
			now, err := app.whereItIsNow(ctx, s, t)
			if err != nil {
				return err
			}
			return app.stop(ctx, now, options)
		})
	})
}

// stop ends what keeps one account alive.
func (app *temporalApp) stop(ctx context.Context, t target, options stopOptions) error {
	k := keeper{account: t.Account.Name, provider: t.Account.Provider, workflowID: t.id, scheduleID: t.scheduleID()}
	r := manyResult{Account: k.account, Provider: k.provider}
	if options.dryRun {
		found, err := app.findKept(ctx, k)
		if err != nil {
			return err
		}
		r.Outcome, r.Detail = describeKept(found, time.Now())
		app.say("%s: %s. Nothing was touched.", t, strings.TrimSpace(r.Outcome+" "+r.Detail))
	} else {
		ended, err := app.stopKeeping(ctx, t)
		if err != nil {
			return err
		}
		if r.Outcome = outcomeStopped; len(ended) == 0 {
			r.Outcome = outcomeNotKept
			app.say("Nothing keeps %s alive.", t)
		} else {
			app.say("Ended: %s. Its tokens stay in the vault. Go on with: %s", strings.Join(ended, " and "), t.command("start"))
		}
		r.Detail = strings.Join(ended, ", ")
	}
	if options.asJSON {
		return app.json(r)
	}
	return nil
}

// What stop reports for an account.
const (
	outcomeStopped    = "stopped"
	outcomeNotKept    = "not kept alive"
	outcomeEnding     = "ending"
	outcomeOtherQueue = "on another task queue"
)

// stopMany ends many in two passes: all are asked to end, which those that wait for their
// time do at once, and then those that were at work are waited for.
func (app *temporalApp) stopMany(ctx context.Context, prompter *prompter, total int, kept iter.Seq[keeper], options stopOptions) error {
	m := many{printer: &app.printer, at: app.server(), verb: "stop", doing: "Stopping", done: "stopped", dryRun: options.dryRun, asJSON: options.asJSON}
	if options.dryRun {
		return m.run(ctx, total, jobsFor(kept, endJob(func(ctx context.Context, k keeper) (string, string, error) {
			found, err := app.findKept(ctx, k)
			did, detail := describeKept(found, time.Now())
			return did, detail, err
		})))
	}
	if total > 0 {
		if err := confirmMany(ctx, prompter, "stop", total, options.yes); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var ending []keeper
	first := m.collect(ctx, total, jobsFor(kept, endJob(func(ctx context.Context, k keeper) (string, string, error) {
		did, runs, err := app.askToEnd(ctx, k)
		if len(runs) > 0 && err == nil {
			mu.Lock()
			defer mu.Unlock()
			k.ending = runs
			ending = append(ending, k)
			return outcomeEnding, "", nil
		}
		return did, "", err
	})))
	if first.err != nil || len(ending) == 0 {
		return m.conclude(ctx, first)
	}
	app.say("%s of them were at work, and store what they hold before they end.", grouped(len(ending)))
	app.warnOfIdleQueue(ctx)
	both := m.awaitEnding(ctx, first, len(ending), jobsFor(slices.Values(ending), endJob(func(ctx context.Context, k keeper) (string, string, error) {
		return outcomeStopped, "", app.awaitEnds(ctx, k)
	})))
	app.warnOfPaused(ctx, ending...)
	return m.conclude(ctx, both)
}

// awaitEnding is the second pass, over those of the first that were at work.
func (m many) awaitEnding(ctx context.Context, first collected, total int, jobs iter.Seq[job]) collected {
	m.doing, m.atOnce = "Waiting", maxWaiting
	return first.followedBy(m.collect(ctx, total, jobs), outcomeEnding).untried(outcomeEnding)
}

// maxWaiting bounds the runs that are waited for at a time: waiting costs the server little.
const maxWaiting = 64

// stopKeeping ends what keeps an account alive, its Schedule and its workflow, and
// returns when neither is at work any more: a run that holds a pair stores it
// before it ends. stopped names what was ended; none is no error.
func (app *temporalApp) stopKeeping(ctx context.Context, t target) (stopped []string, err error) {
	k := keeper{account: t.Account.Name, provider: t.Account.Provider, workflowID: t.id, scheduleID: t.scheduleID()}
	found, err := app.findKept(ctx, k)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err == nil && len(stopped) == 0 {
			app.ended.addGone(t.Account)
		}
	}()
	if found.schedule != nil {
		stopped = append(stopped, "Schedule "+t.scheduleID())
	}
	if found.run.RunID != "" {
		stopped = append(stopped, "workflow "+t.id)
	}
	_, k.ending, err = app.askToEnd(ctx, k)
	if err != nil || len(k.ending) == 0 {
		return stopped, err
	}
	for _, run := range k.ending {
		app.say("Ending workflow %s. A run at work stores what it holds first.", run.workflowID)
	}
	app.warnOfIdleQueue(ctx)
	err = app.awaitEnds(ctx, k)
	app.warnOfPaused(ctx, k)
	return stopped, err
}

// isKept reports whether a workflow or a Schedule keeps the account alive, and what its
// next refresh is, in words that begin a sentence.
func (app *temporalApp) isKept(ctx context.Context, t target) (kept bool, next string, err error) {
	now := time.Now()
	found, err := app.findKept(ctx, keeper{workflowID: t.id, scheduleID: t.scheduleID()})
	switch {
	case err != nil:
		return false, "", err
	case found.run.RunID != "" && (found.run.Cron == "" || !found.run.Working.IsZero()):
		return true, "Its workflow", nil
	case found.run.RunID != "":
		return true, "Its cron's next run, " + when(found.run.Due, now) + ",", nil
	case found.schedule == nil:
		return false, "", nil
	case found.schedule.Schedule.State != nil && found.schedule.Schedule.State.Paused:
		return true, "Its Schedule is paused; once it is not, the next run", nil
	case len(found.schedule.Info.NextActionTimes) > 0:
		return true, "Its Schedule's next run, " + when(found.schedule.Info.NextActionTimes[0], now) + ",", nil
	}
	return true, "Its Schedule", nil
}

// describeKept says what stop would do.
func describeKept(found kept, now time.Time) (did, detail string) {
	switch {
	case found.run.RunID == "" && found.schedule == nil:
		return outcomeNotKept, ""
	case found.run.RunID == "":
		return "would end its Schedule", ""
	case waits(found.run, now):
		return "would end its cron", fmt.Sprintf("(next run %s)", when(found.run.Due, now))
	}
	return "would end its workflow, after the run at work", ""
}

// waits reports whether a run waits for its time, for long enough that it can be ended
// before it begins.
func waits(s workflows.State, now time.Time) bool {
	return s.Working.IsZero() && s.Due.Sub(now) > aboutToBegin
}

// aboutToBegin is how long before its time a run counts as one that is at work.
const aboutToBegin = 5 * time.Second
