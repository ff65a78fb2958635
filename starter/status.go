package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func newStatus(environ map[string]string) *cobra.Command {
	var flags accountFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the accounts are",
		Long: `Shows every account that a cron or a Schedule keeps alive, with its health:

  healthy        the vault holds a fresh pair
  refreshing     a run is at work
  waiting        for its very first run
  paused         its Schedule is paused
  stuck          a run is at work for more than ten minutes       (a person)
  needs-consent  the provider takes no refresh token any more     (a person)
  failed         the last run failed for another reason           (a person)

--provider shows one provider's accounts, --account one account, under the
workflow id that starter gives it. Exits with 3 where an account needs a person.`,
		Args: noArgs,
	}
	flags.add(cmd)
	output := outputFlag(cmd, "table")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, t, err := flags.target(environ, config.LoadStarter)
		if err != nil {
			return err
		}
		var only selection
		if cmd.Flags().Changed("account") {
			only.target = &t
		} else if cmd.Flags().Changed("provider") {
			only.provider = t.Provider.Name
		}
		return s.withTemporal(cmd, func(ctx context.Context, o *temporalApp) error {
			if *output == "json" {
				o.jsonOutput()
			}
			return o.status(ctx, only, *output == "json")
		})
	}
	return cmd
}

// selection narrows down what status shows; the zero value is all.
type selection struct {
	target   *target
	provider string
}

func (s selection) takes(r row) bool { return s.provider == "" || s.provider == r.Provider }

// row is one account in the answer of status, and what --output json prints.
type row struct {
	Account           string             `json:"account"`
	Provider          string             `json:"provider"`
	Health            Health             `json:"health"`
	Generation        *token.Generation  `json:"generation,omitempty"` // of the last run that succeeded
	AccessTokenExpiry time.Time          `json:"accessTokenExpiry,omitzero"`
	LastOutcome       string             `json:"lastOutcome,omitempty"`
	LastRun           time.Time          `json:"lastRun,omitzero"` // when it ended
	LastFailure       *workflows.Failure `json:"lastFailure,omitempty"`
	NextRun           time.Time          `json:"nextRun,omitzero"`
	Cron              string             `json:"cron,omitempty"`
	WorkflowID        string             `json:"workflowId"`
	ScheduleID        string             `json:"scheduleId,omitempty"`
}

// rowFrom tells a chain's account.
func rowFrom(c workflows.State, attribute string, now time.Time) row {
	r := row{
		Health:      healthOf(c, attribute, false, now),
		LastRun:     c.Last.At,
		LastFailure: c.Last.Failure,
		NextRun:     c.Due,
		Cron:        c.Cron,
		WorkflowID:  c.WorkflowID,
	}
	if !c.Working.IsZero() {
		r.NextRun = nextByCron(c.Cron, now)
	}
	if account, err := c.Input.Check(); err == nil {
		r.Account, r.Provider = account.Name, account.Provider
	} else {
		r.Account = c.WorkflowID // the failure says what is wrong with its input
	}
	if result := c.Last.Result; result != nil {
		r.Generation, r.AccessTokenExpiry, r.LastOutcome = &result.Generation, result.AccessTokenExpiry, string(result.Outcome)
	}
	if c.Last.Failure != nil {
		r.LastOutcome = string(failed)
	}
	return r
}

// status shows the accounts and ends with needsPerson where one of them does.
func (o *temporalApp) status(ctx context.Context, only selection, asJSON bool) error {
	rows, err := o.listAccounts(ctx, only)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Account, b.Account), cmp.Compare(a.WorkflowID, b.WorkflowID))
	})
	now := time.Now()
	switch {
	case asJSON:
		err = o.json(rows)
	case len(rows) > 0:
		err = o.table(rows, now)
	}
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		o.warnOfIdleQueue(ctx)
	}
	return o.exitError(rows, only)
}

// exitError says who needs a person, and why.
func (o *temporalApp) exitError(rows []row, only selection) error {
	if len(rows) == 0 && only.target != nil {
		return needsAttention{fmt.Sprintf("nothing keeps %s alive; start its cron with: %s", only.target, only.target.command("start"))}
	}
	if len(rows) == 0 {
		o.say("No account is kept alive here. Start a cron with: starter start")
		return nil
	}
	needy := 0
	for _, r := range rows {
		if !r.Health.needsAttention() {
			continue
		}
		needy++
		why := "look at the run in the Web UI: " + cmp.Or(o.link("workflows", r.WorkflowID), r.WorkflowID)
		if r.LastFailure != nil && (r.Health == failed || r.Health == needsConsent) {
			why = r.LastFailure.Message
		}
		o.say("%s/%s is %s: %s", r.Provider, r.Account, r.Health, why)
	}
	if needy > 0 {
		return needsAttention{fmt.Sprintf("accounts that need a person: %d of %d", needy, len(rows))}
	}
	return nil
}

func (o *temporalApp) table(rows []row, now time.Time) error {
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ACCOUNT\tPROVIDER\tHEALTH\tGENERATION\tACCESS TOKEN\tLAST RUN\tNEXT RUN")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			r.Account, r.Provider, r.Health, r.generation(), fromNow("expires in ", "expired ", r.AccessTokenExpiry, now),
			r.last(now), fromNow("in ", "due ", r.NextRun, now))
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

func fromNow(ahead, behind string, t, now time.Time) string {
	switch {
	case t.IsZero():
		return unknown
	case t.After(now):
		return ahead + span(t.Sub(now))
	}
	return behind + span(now.Sub(t)) + " ago"
}
