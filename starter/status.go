package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
)

func newStatus(environ map[string]string) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the health of the accounts",
		Long: `Shows every account that a cron or a Schedule keeps alive, with its health:

  healthy          the vault holds a fresh pair
  refreshing       a run is at work, after one that succeeded or none
  waiting          for its very first run
  paused           its Schedule is paused
  stuck *          a run is at work for more than ten minutes
  needs-consent *  the provider takes no refresh token any more
  failed *         the last run failed for another reason

Those with * need attention: waiting does not mend them. Each is shown with its last
failure, which ends with the fix. status exits with 3 where there is one, and where
nothing at all is kept alive.

--provider shows one provider's accounts, --account one account, under the workflow id
that starter gives it, or where it is now if it has moved. --health shows the accounts
that have one of the healths.

Of more than 1,000 accounts it shows the counts and those that need attention; --all shows
each, with one call to Temporal for each. --summary shows the counts alone. --output json
without --summary, --health or --limit prints every account of a fleet of any size.`,
		Example: `  starter status
  starter status --health needs-consent,failed --provider fitbit
  starter status --expect accounts.txt
  starter status --watch`,
	}
	names := cmd.Flags().StringSlice("health", nil, "show accounts with one of these only: "+listOfHealths())
	cmd.Flags().IntVar(&o.limit, "limit", 0, "show so many accounts at most; in a fleet of more than 1,000 a filter shows 100")
	cmd.Flags().BoolVar(&o.all, "all", false, "show every account, however many there are")
	cmd.Flags().BoolVar(&o.summary, "summary", false, "show counts instead of accounts")
	cmd.Flags().BoolVar(&o.watch, "watch", false, "show changes until Ctrl-C: on a terminal in place, elsewhere each as a line")
	expect := cmd.Flags().String("expect", "", "compare with a `file` of accounts, as start --accounts takes it: what should run and does not, and what runs and is not in it")
	output := outputFlag(cmd, "table")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) (err error) {
		o.asJSON = *output == "json"
		if o.health, err = parseHealths(*names); err == nil {
			err = o.check(cmd, *expect)
		}
		if err != nil {
			return usageError{err}
		}
		if *expect != "" {
			if o.expected, err = readExpected(*expect, s, t.Provider.Name); err != nil {
				return usageError{err}
			}
			o.settings = s
		}
		return s.withSelection(cmd, t, o.asJSON, func(ctx context.Context, app *temporalApp, only selection) error {
			o.only = only
			if o.watch {
				return app.watch(ctx, o)
			}
			return app.status(ctx, o)
		})
	})
}

// statusOptions are what the command line asks of status.
type statusOptions struct {
	only                        selection
	health                      []Health
	limit                       int
	all, summary, watch, asJSON bool
	expected                    *expectation // nil without --expect
	settings                    settings     // with expected
}

func parseHealths(names []string) (all []Health, err error) {
	for _, name := range names {
		h := Health(name)
		if !slices.Contains(healths, h) {
			return nil, fmt.Errorf("--health is %q; use one or more of %s", name, listOfHealths())
		}
		all = append(all, h)
	}
	return all, nil
}

// check refuses flags that do not go together.
func (o statusOptions) check(cmd *cobra.Command, expect string) error {
	given := func(name string) bool { return cmd.Flags().Changed(name) }
	switch {
	case given("limit") && o.limit < 1:
		return errors.New("--limit is below 1; give a number of accounts, or use --all")
	case o.all && given("limit"):
		return errors.New("--all and --limit contradict each other; leave one out")
	case o.summary && (o.all || given("limit") || given("health") || given("account") || given("provider")):
		return errors.New("--summary counts the whole fleet; leave --account, --provider, --health, --limit and --all out")
	case expect != "" && (o.summary || o.watch || o.all || given("health") || given("account") || given("limit")):
		return errors.New("--expect compares all accounts; leave --summary, --watch, --health, --account, --limit and --all out")
	}
	return nil
}

// statusAnswer is what status has found.
type statusAnswer struct {
	rows    []row
	summary *fleetSummary // nil where the rows are all there is to show
	partial string        // why there may be more rows than these, and how to see them; empty for none
	only    statusOptions
}

// status reads and prints once, and returns needsAttention where something does.
func (app *temporalApp) status(ctx context.Context, o statusOptions) error {
	if o.expected != nil {
		return app.compare(ctx, o)
	}
	answer, err := app.readStatus(ctx, o)
	if err != nil {
		return err
	}
	if err := app.printStatus(answer, time.Now()); err != nil {
		return err
	}
	if len(answer.rows) > 0 || answer.summary != nil {
		app.warnOfIdleQueue(ctx)
	}
	return answer.attention()
}

// readStatus finds what there is to show.
func (app *temporalApp) readStatus(ctx context.Context, o statusOptions) (answer statusAnswer, err error) {
	answer.only = o
	large := false
	if o.only.target == nil && !o.all && !o.summary {
		if large, err = app.isLarge(ctx, wholeFleet); err != nil {
			return answer, err
		}
	}
	filtered := len(o.health) > 0
	switch {
	case o.summary:
		answer.summary, err = app.readSummary(ctx)
	case large && filtered:
		answer.rows, answer.partial, err = app.findByHealth(ctx, o.only, o.health, cmp.Or(o.limit, pageOfMany))
	case large && o.limit > 0:
		answer.rows, answer.partial, err = app.findByHealth(ctx, o.only, healths, o.limit)
	case large && !o.asJSON:
		if answer.summary, err = app.readSummary(ctx); err == nil {
			answer.rows, answer.partial, err = app.findByHealth(ctx, o.only, needingAttention(), shownOfMany)
		}
	default:
		answer.rows, err = app.listAccounts(ctx, o.only)
		answer.rows = slices.DeleteFunc(answer.rows, func(r row) bool { return filtered && !slices.Contains(o.health, r.Health) })
	}
	sortRows(answer.rows)
	if n := len(answer.rows); o.limit > 0 && n > o.limit {
		answer.rows, answer.partial = answer.rows[:o.limit], fmt.Sprintf("These are %s of %s accounts; raise --limit to see more.", grouped(o.limit), grouped(n))
	}
	return answer, err
}

func sortRows(rows []row) {
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Account, b.Account), cmp.Compare(a.WorkflowID, b.WorkflowID))
	})
}

// attention is why the command exits with 3; nil for nothing.
func (a statusAnswer) attention() error {
	needy, total := 0, len(a.rows)
	for _, r := range a.rows {
		if r.needsAttention() {
			needy++
		}
	}
	if a.summary != nil {
		needy, total = max(a.summary.needy(), needy), a.summary.Accounts
	}
	switch o := a.only; {
	case needy > 0:
		return needsAttention{fmt.Sprintf("accounts that need attention: %s of %s", grouped(needy), grouped(total))}
	case a.summary != nil && len(a.summary.Incidents) > 0:
		return needsAttention{fmt.Sprintf("incidents that are open: %d", len(a.summary.Incidents))}
	case total > 0 || len(o.health) > 0:
		return nil
	case o.only.target != nil:
		return needsAttention{fmt.Sprintf("nothing keeps %s alive; start its cron with: %s", o.only.target, o.only.target.command("start"))}
	case o.only.provider != "":
		return needsAttention{fmt.Sprintf("no account at %s is kept alive; start a cron with: %s", o.only.provider, command("start", "--account", "NAME", "--provider", o.only.provider))}
	}
	return needsAttention{"no account is kept alive here; start a cron with: " + command("start") +
		"; if there were some, look whether Temporal has lost its database, and whether TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE are the right ones"}
}

// needsAttention reports whether waiting does not mend it.
func (r row) needsAttention() bool { return r.Health.needsAttention() || r.MovedTo != "" }
