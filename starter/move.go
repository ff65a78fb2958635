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
	enumspb "go.temporal.io/api/enums/v1"

	"tokenkeeper/internal/config"
	"tokenkeeper/workflows"
)

type moveOptions struct {
	file, queue    string
	toVault        string
	sameVault      bool
	cron           string
	yes            bool
	dryRun, asJSON bool
}

func newMove(environ map[string]string) *cobra.Command {
	var options moveOptions
	cmd := &cobra.Command{
		Use:   "move",
		Short: "Move accounts to another task queue, which is another vault's",
		Long: `Moves accounts to another task queue: the way to spread a fleet over vaults, each of
which has a task queue and workers of its own. A run at work is waited for. Then the
cron that waits for its time is replaced, in one step, by one on the other queue with
the same times and input, so that there is no moment without one.

Say where the tokens are. --same-vault: the workers of both queues use the same
vault. --to-vault: those of the other queue use that one; move copies the current
tokens there from KEY_VAULT_URL while the account rests, and needs access to both.
The app's credentials must be there before; it names what is missing, and moves nothing
without. The old vault keeps its copies, which the next refresh outdates: have readers
of the access token read the other vault from now on.

It may be interrupted and repeated: an account that is there is left alone, but for a
token that an interrupted move has left behind.`,
		Example: `  starter move --accounts shard-2.txt --to-task-queue token-refresh-2 --to-vault https://my-vault-2.vault.azure.net
  starter move --account will --to-task-queue slow-lane --same-vault --dry-run`,
	}
	cmd.Flags().StringVar(&options.file, "accounts", "", "move the accounts in this `FILE`")
	cmd.Flags().StringVar(&options.queue, "to-task-queue", "", "the task queue to move to")
	cmd.Flags().StringVar(&options.toVault, "to-vault", "", "the `URL` of the vault that the workers of that task queue use; the tokens are copied there")
	cmd.Flags().BoolVar(&options.sameVault, "same-vault", false, "the workers of that task queue use the same vault")
	cmd.Flags().StringVar(&options.cron, "cron", "", "give the accounts this cron, at minutes of their own (default the one that they have)")
	cmd.Flags().BoolVar(&options.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "show what would be done, and touch nothing")
	output := outputFlag(cmd, "text")
	load := func(environ map[string]string) (config.Starter, error) {
		if options.toVault != "" {
			return config.LoadStarterWithVault(environ)
		}
		return config.LoadStarter(environ)
	}
	return accountCommand(cmd, environ, load, func(s settings, t target) error {
		options.asJSON = *output == "json"
		if err := options.check(s); err != nil {
			return usageError{err}
		}
		all := []listed{{account: t.Account}}
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
			app.ended.audited = auditMove
			mover := mover{temporalApp: app, to: options}
			if options.toVault != "" {
				vaults, err := s.openVaults(cmd, options.toVault)
				if err != nil {
					return err
				}
				mover.vaults = vaults
			}
			if options.file != "" && !options.dryRun {
				if err := confirmMany(ctx, newPrompter(cmd), "move", len(all), options.yes); err != nil {
					return err
				}
			}
			m := many{printer: &app.printer, at: app.server(), verb: "move", doing: "Moving", done: "moved", dryRun: options.dryRun, asJSON: options.asJSON}
			if options.file != "" && !options.dryRun {
				return mover.moveMany(ctx, m, len(all), targetsOf(all, s.providers))
			}
			return m.run(ctx, len(all), mover.jobs(targetsOf(all, s.providers)))
		})
	})
}

func (o moveOptions) check(s settings) error {
	switch {
	case o.queue == "":
		return errors.New("--to-task-queue is missing; name the task queue to move to")
	case o.queue == s.TaskQueue:
		return fmt.Errorf("--to-task-queue is %s, and so is TOKENKEEPER_TASK_QUEUE, where the accounts are; name another one", o.queue)
	case o.sameVault == (o.toVault != ""):
		return errors.New("where are the tokens? Use --to-vault URL where the workers of that task queue use another vault, or --same-vault; one of the two")
	case o.toVault != "" && strings.TrimSuffix(o.toVault, "/") == strings.TrimSuffix(s.Vault.URL, "/"):
		return errors.New("--to-vault is that of KEY_VAULT_URL; use --same-vault")
	case o.cron != "":
		_, err := parseCron(o.cron)
		return err
	}
	return nil
}

// mover moves accounts one by one.
type mover struct {
	*temporalApp
	to     moveOptions
	vaults *twoVaults   // nil where both queues have the same
	atWork func(target) // takes an account whose run is at work; nil waits for the run
}

// moveMany moves in two passes: first those that wait for their time, and then those whose
// run was at work, so that some runs that are stuck hold up no other account.
func (m mover) moveMany(ctx context.Context, doing many, total int, targets iter.Seq[target]) error {
	var mu sync.Mutex
	var left []target
	waiting := m
	waiting.atWork = func(t target) {
		mu.Lock()
		defer mu.Unlock()
		left = append(left, t)
	}
	first := doing.collect(ctx, total, waiting.jobs(targets))
	if first.err != nil || len(left) == 0 {
		return doing.conclude(ctx, first.untried(outcomeAtWork))
	}
	m.say("%s of them are at work, and are moved after that.", grouped(len(left)))
	m.warnOfIdleQueue(ctx)
	doing.doing, doing.atOnce = "Waiting", maxWaiting
	second := doing.collect(ctx, len(left), m.jobs(slices.Values(left)))
	return doing.conclude(ctx, first.followedBy(second, outcomeAtWork).untried(outcomeAtWork))
}

func (m mover) jobs(targets iter.Seq[target]) iter.Seq[job] {
	return jobsOf(targets, func(t target) job {
		return job{do: func(ctx context.Context) (string, string, error) { return m.move(ctx, t) }}
	})
}

// What move reports for an account.
const (
	outcomeMoved  = "moved"
	outcomeThere  = "there already"
	outcomeAtWork = "at work"
)

// moveRounds bounds how often an account is looked at again because a run of it began.
const moveRounds = 10

func (m mover) move(ctx context.Context, t target) (did, detail string, err error) {
	schedule, err := m.describeSchedule(ctx, t.scheduleID())
	if err != nil {
		return "", "", err
	}
	if schedule != nil {
		return m.moveSchedule(ctx, t, schedule)
	}
	asked := false // for the replacement, without an answer
	for range moveRounds {
		s, queue, err := m.locate(ctx, t)
		switch {
		case err != nil:
			return "", "", err
		case queue == m.to.queue && asked:
			m.ended.add(t.Account)
			return outcomeMoved, "", m.mendReplaced(ctx, t)
		case queue == m.to.queue && m.to.dryRun:
			return outcomeThere, "", nil
		case queue == m.to.queue:
			return outcomeThere, "", m.mendReplaced(ctx, t)
		case queue != m.taskQueue:
			return "", "", m.elsewhere("workflow", queue)
		case m.to.dryRun:
			return "would be moved", m.cron(s, t), m.checkVaults(ctx, t)
		case !waits(s, time.Now()):
			// A run at work, or about to begin: its cron goes on after it.
			if err := m.checkVaults(ctx, t); err != nil {
				return "", "", err
			}
			if m.atWork != nil {
				m.atWork(t)
				return outcomeAtWork, "", nil
			}
			if _, err := m.runResult(ctx, t.id, s.RunID, true); err != nil && !gone(err) {
				return "", "", err
			}
			continue
		}
		if err := m.copyTokens(ctx, t); err != nil {
			return "", "", err
		}
		// Copying takes its time, in which the run may have begun.
		if now, _, err := m.locate(ctx, t); err != nil {
			return "", "", err
		} else if now.RunID != s.RunID || !waits(now, time.Now()) {
			continue
		}
		if err := m.replaceCron(ctx, t, s); errors.Is(err, errNotInTime) {
			asked = true
			continue
		} else if err != nil {
			return "", "", err
		}
		m.ended.add(t.Account)
		return outcomeMoved, "", nil
	}
	return "", "", errRunEachTime
}

// elsewhere refuses what is on a third task queue: its tokens may be in a third vault.
func (m mover) elsewhere(what, queue string) error {
	return conflictError{fmt.Errorf("its %s is on task queue %q, and neither on %q nor on %q; set TOKENKEEPER_TASK_QUEUE to where it is", what, queue, m.taskQueue, m.to.queue)}
}

// locate returns the account's cron and its task queue.
func (m mover) locate(ctx context.Context, t target) (s workflows.State, queue string, err error) {
	described, err := m.temporal.DescribeWorkflowExecution(ctx, t.id, "")
	info := described.GetWorkflowExecutionInfo()
	if err != nil && !gone(err) {
		return s, "", err
	}
	if err != nil || info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return s, "", conflictError{fmt.Errorf("nothing keeps it alive, so that there is nothing to move; start it there with: %s", shell("env", "TOKENKEEPER_TASK_QUEUE="+m.to.queue)+" "+t.command("start"))}
	}
	runID := info.GetExecution().GetRunId()
	if s, err = m.describe(ctx, t.id, runID); err != nil {
		return s, "", err
	}
	s.RunID = runID
	kept, err := s.Input.Check()
	switch {
	case err != nil || kept.Provider != t.Account.Provider || kept.Name != t.Account.Name:
		return s, "", conflictError{fmt.Errorf("workflow %s does not keep %s; end it with: %s", t.id, t, cliCancel(t.id))}
	case s.Cron == "":
		return s, "", conflictError{errors.New("a single refresh is at work and no cron; move it again when that has ended")}
	}
	return s, described.GetExecutionConfig().GetTaskQueue().GetName(), nil
}

// cron is the one that the account gets.
func (m mover) cron(s workflows.State, t target) string {
	if m.to.cron == "" {
		return s.Cron
	}
	return stagger(m.to.cron, t.Account)
}
