package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
)

const day = 24 * time.Hour

func newForecast(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forecast",
		Short: "Show who must consent again soon",
		Long: `Shows, by provider, how many accounts must consent again now and within 7, 30 and
90 days, and each of those within --within with the command that asks for the consent.

A grant has a hard end at some providers, whatever is refreshed, and at some it ends
unless it is refreshed in time. The second does not count for an account that is being
refreshed. The ends are those of each account's last run: from the search attribute
TokenConsentEnds, or from the run's result where the namespace has none. An account whose
end neither its provider's answers nor the providers file tell is counted as unknown;
"none" are those that are refreshed and that no end is known to stop.

Exits with 3 where an account must consent now. --provider shows one provider's accounts,
--account one account.`,
		Example: `  starter forecast
  starter forecast --within 30d --provider spotify
  starter forecast --output json`,
	}
	within := cmd.Flags().String("within", "90d", "list the accounts that must consent within this time, in days or hours, such as 30d or 12h")
	output := outputFlag(cmd, "table")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		horizon, err := parseDays(*within)
		if err != nil {
			return usageError{err}
		}
		return s.withSelection(cmd, t, *output == "json", func(ctx context.Context, app *temporalApp, only selection) error {
			accounts, err := app.listEnds(ctx, only, s.providers)
			if err != nil {
				return err
			}
			f := forecastOf(accounts, time.Now(), horizon)
			if err := app.addCommands(ctx, f.Consents, s.providers); err != nil {
				return err
			}
			return app.printForecast(f, *output == "json", only)
		})
	})
}

// parseDays reads 30d, or what [time.ParseDuration] reads.
func parseDays(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if number, isDays := strings.CutSuffix(text, "d"); isDays {
		var days uint64
		days, err = strconv.ParseUint(number, 10, 16)
		d = time.Duration(days) * day
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--within is %q; write a number of days or hours, such as 30d or 12h", text)
	}
	return d, nil
}

// accountEnds is one account with the ends of its grant.
type accountEnds struct {
	account, provider string
	workflowID, runID string // of the present run; the run id is empty for a Schedule
	scheduleID        string
	// hard is when the grant ends whatever is done, idle when it ends unless it is
	// refreshed before; zero for unknown.
	hard, idle   time.Time
	needsConsent bool // the provider takes no refresh token any more
	stopped      bool // nothing refreshes it: its Schedule is paused, or its last run failed
}

// mustConsent is when a new consent is needed; zero for unknown, or for none while the
// account is refreshed.
func (a accountEnds) mustConsent(now time.Time) time.Time {
	switch {
	case a.needsConsent:
		return now
	case a.stopped && !a.idle.IsZero() && (a.hard.IsZero() || a.idle.Before(a.hard)):
		return a.idle
	}
	return a.hard
}

// forecast is the answer of the command, and what --output json prints.
type forecast struct {
	AsOf      time.Time          `json:"asOf"`
	Accounts  int                `json:"accounts"`
	Providers []providerForecast `json:"providers"`
	// Consents are the accounts that must consent within the time that was asked for,
	// the first one first.
	Consents []consentDue `json:"consents"`
}

// providerForecast counts one provider's accounts. Each is in one of Now, Later, None and
// Unknown, or between: the three with days include the shorter times and Now.
type providerForecast struct {
	Provider string `json:"provider"`
	Now      int    `json:"now"`
	Within7  int    `json:"within7Days"`
	Within30 int    `json:"within30Days"`
	Within90 int    `json:"within90Days"`
	Later    int    `json:"later"`
	None     int    `json:"none"`
	Unknown  int    `json:"unknown"`
}

type consentDue struct {
	Account      string    `json:"account"`
	Provider     string    `json:"provider"`
	ConsentEnds  time.Time `json:"consentEnds,omitzero"` // absent where the grant is over and no time is known
	NeedsConsent bool      `json:"needsConsent,omitempty"`
	WorkflowID   string    `json:"workflowId"`
	Command      string    `json:"command"`

	runID string
	ends  time.Time // for the order
}

// forecastOf counts accounts by provider and by when they must consent.
func forecastOf(accounts []accountEnds, now time.Time, horizon time.Duration) forecast {
	counts := map[string]*providerForecast{}
	f := forecast{AsOf: now.UTC().Truncate(time.Second), Accounts: len(accounts), Consents: []consentDue{}, Providers: []providerForecast{}}
	for _, a := range accounts {
		if counts[a.provider] == nil {
			counts[a.provider] = &providerForecast{Provider: a.provider}
		}
		end := a.mustConsent(now)
		counts[a.provider].add(a, end, now)
		if end.IsZero() || end.After(now.Add(horizon)) {
			continue
		}
		due := consentDue{Account: a.account, Provider: a.provider, NeedsConsent: a.needsConsent, WorkflowID: a.workflowID, runID: a.runID, ends: end}
		if !a.needsConsent {
			due.ConsentEnds = end.UTC()
		}
		f.Consents = append(f.Consents, due)
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		f.Providers = append(f.Providers, *counts[name])
	}
	slices.SortFunc(f.Consents, func(a, b consentDue) int {
		return cmp.Or(a.ends.Compare(b.ends), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Account, b.Account))
	})
	return f
}

func (p *providerForecast) add(a accountEnds, end, now time.Time) {
	switch left := end.Sub(now); {
	case end.IsZero() && a.idle.IsZero():
		p.Unknown++
	case end.IsZero():
		p.None++
	case left > 90*day:
		p.Later++
	default:
		p.Within90++
		for _, shorter := range []struct {
			limit time.Duration
			count *int
		}{{30 * day, &p.Within30}, {7 * day, &p.Within7}, {0, &p.Now}} {
			if left <= shorter.limit {
				*shorter.count++
			}
		}
	}
}

// splitEnd decides which of the two ends a value of TokenConsentEnds is, which is the
// earlier one. It is not certain where the provider has both.
func splitEnd(end time.Time, p provider.Provider) (hard, idle time.Time, certain bool) {
	endsIdle := p.GrantIdle > 0 || p.RefreshLifetimeField != ""
	endsHard := p.GrantLife > 0 || p.GrantLifetimeField != ""
	switch {
	case end.IsZero():
		return hard, idle, true
	case endsIdle && endsHard:
		return hard, idle, false
	case endsIdle:
		return hard, end, true
	}
	return end, idle, true
}

// printForecast returns needsAttention where an account must consent now.
func (app *temporalApp) printForecast(f forecast, asJSON bool, only selection) error {
	due := 0
	for _, p := range f.Providers {
		due += p.Now
	}
	switch {
	case asJSON:
		if err := app.json(f); err != nil {
			return err
		}
	case f.Accounts == 0 && only.target != nil:
		app.say("Nothing keeps %s alive; start its cron with: %s", only.target, only.target.command("start"))
	case f.Accounts == 0:
		app.say("No account is kept alive here. Start a cron with: %s", command("start"))
	default:
		if err := app.forecastTable(f); err != nil {
			return err
		}
	}
	if due > 0 {
		return needsAttention{fmt.Sprintf("accounts that must consent now: %s of %s", grouped(due), grouped(f.Accounts))}
	}
	return nil
}

func (app *temporalApp) forecastTable(f forecast) error {
	w := tabwriter.NewWriter(app.out, 0, 0, 2, ' ', 0)
	printRow(w, "PROVIDER", "NOW", "7 DAYS", "30 DAYS", "90 DAYS", "LATER", "NONE", "UNKNOWN")
	unknown := 0
	for _, p := range f.Providers {
		printRow(w, p.Provider, grouped(p.Now), grouped(p.Within7), grouped(p.Within30), grouped(p.Within90), grouped(p.Later), grouped(p.None), grouped(p.Unknown))
		unknown += p.Unknown
	}
	if len(f.Consents) > 0 {
		printRow(w)
		printRow(w, "ACCOUNT", "PROVIDER", "CONSENT ENDS", "ASK FOR IT WITH")
	}
	for _, c := range f.Consents {
		ends := "needed now"
		if !c.NeedsConsent {
			ends = fromNow("in ", "", c.ConsentEnds, f.AsOf)
		}
		printRow(w, c.Account, c.Provider, ends, c.Command)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if unknown > 0 {
		app.say("The end is not known of %s of %s accounts: their providers state none. Where you know better, state grant_life for the provider in the providers file.", grouped(unknown), grouped(f.Accounts))
	}
	return nil
}
