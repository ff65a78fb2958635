package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
	"tokenkeeper/workflows"
)

// refreshed is what "refresh --output json" prints.
type refreshed struct {
	Account    string `json:"account"`
	Provider   string `json:"provider"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	WebUI      string `json:"webUI,omitempty"`
	// Cron is empty where no cron runs and this was a single refresh.
	Cron string `json:"cron,omitempty"`
	// Result and Failure are both absent where nobody waited for them.
	Result  *workflows.Result  `json:"result,omitempty"`
	Failure *workflows.Failure `json:"failure,omitempty"`
}

func newRefresh(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var wait bool
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Refresh an account now, without waiting for its cron",
		Long: `Refreshes an account's tokens now. Where its cron runs, the next run begins at
once and the cron goes on after it; where a run is at work already, that one is
it. Where no cron runs, the tokens are refreshed once, and no cron is started.`,
		Args: noArgs,
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&wait, "wait", true, "wait for the result; Ctrl-C stops the waiting and not the refresh")
	output := outputFlag(cmd, "text")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, t, err := flags.target(environ, config.LoadStarter)
		if err != nil {
			return err
		}
		return s.withTemporal(cmd, func(ctx context.Context, o *temporalApp) error {
			if *output == "json" {
				o.jsonOutput()
			}
			answer, err := o.refresh(ctx, t, wait)
			if *output == "json" && answer.RunID != "" {
				err = errors.Join(o.json(answer), err)
			}
			return err
		})
	}
	return cmd
}

// refresh asks for a run and waits for it where it is to.
func (o *temporalApp) refresh(ctx context.Context, t target, wait bool) (refreshed, error) {
	answer := refreshed{Account: t.Account.Name, Provider: t.Account.Provider}
	run, asked, err := o.refreshNow(ctx, t)
	if err != nil {
		return answer, err
	}
	answer.WorkflowID, answer.RunID, answer.Cron = run.GetID(), run.GetRunID(), asked.Cron
	answer.WebUI = o.link("workflows", run.GetID(), run.GetRunID())

	o.say("Refreshing %s now: run %s of workflow %s.", t, run.GetRunID(), run.GetID())
	o.field("Web UI", answer.WebUI)
	if asked.Cron == "" {
		o.sayWhatKeeps(ctx, t)
	}
	o.warnOfIdleQueue(ctx)
	if !wait {
		return answer, nil
	}
	last, err := o.await(ctx, run.GetID(), run.GetRunID())
	switch {
	case ctx.Err() != nil:
		o.say("No longer waiting. The refresh goes on without you.")
		return answer, errInterrupted
	case err != nil:
		return answer, err
	case last.Failure != nil:
		answer.Failure = last.Failure
		return answer, fmt.Errorf("%s was not refreshed (%s): %s", t, last.Failure.Type, last.Failure.Message)
	case last.Result == nil:
		return answer, fmt.Errorf("run %s of workflow %s ended without a result that starter knows; see that worker and starter are of the same release", run.GetRunID(), run.GetID())
	}
	answer.Result = last.Result
	o.say("%s", inWords(*last.Result, time.Now()))
	if asked.Cron != "" {
		now := time.Now()
		o.field("Next run", when(nextByCron(asked.Cron, now), now))
	}
	return answer, nil
}

// refreshNow signals the workflow, which makes a cron that waits begin at once,
// or starts one without a cron. Only one of the two happens, whatever else goes on.
func (o *temporalApp) refreshNow(ctx context.Context, t target) (client.WorkflowRun, workflows.State, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := o.options(t)
	run, err := o.temporal.SignalWithStartWorkflow(ctx, options.ID, workflows.RefreshNow, nil, options, workflows.Type, t.input)
	if err != nil {
		return nil, workflows.State{}, err
	}
	asked, err := o.describe(ctx, run.GetID(), run.GetRunID())
	return run, asked, err
}

// sayWhatKeeps tells what will refresh an account next that has no cron.
func (o *temporalApp) sayWhatKeeps(ctx context.Context, t target) {
	if scheduled, err := o.hasSchedule(ctx, t); err == nil && scheduled {
		o.say("This is a single refresh beside the Schedule %s, which goes on.", t.scheduleID())
		return
	}
	o.say("No cron runs for %s, so this is a single refresh. Start its cron with: %s", t, t.command("start"))
}

// inWords tells a result to a person.
func inWords(r workflows.Result, now time.Time) string {
	words := fmt.Sprintf("Done (%s): generation %d of %s/%s is in the vault.", r.Outcome, r.Generation, r.Provider, r.Account)
	if !r.AccessTokenExpiry.IsZero() {
		words += " Its access token expires " + when(r.AccessTokenExpiry, now) + "."
	}
	return words
}
