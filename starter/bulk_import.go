package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"
)

// keepLast notes the failure of a store that is tried again.
func keepLast(last *error) func(error, time.Duration) {
	return func(failure error, _ time.Duration) { *last = failure }
}

// importMany stores the tokens in a file, one account after the other at the pace that
// leaves the fleet its part of the vault's quota.
func (a *vaultApp) importMany(ctx context.Context, cmd *cobra.Command, s settings, t target, options importOptions) error {
	rows, shared, err := readRows(options.bulk.file, cmd.InOrStdin(), s.providers, t.Account.Provider, time.Now())
	if err != nil {
		return usageError{err}
	}
	if options.bulk.asJSON {
		a.jsonOutput()
	}
	a.warnOfShared(options.bulk.file, shared)
	if err := a.preflightMany(ctx, s, rows, options.bulk.dryRun); err != nil {
		return err
	}
	return a.withBulk(s.providers, false, func(b bulk) error {
		m := b.many(&a.printer, "import", "Importing", "imported", options.bulk)
		err := m.run(ctx, len(rows), b.rowJobs(rows, func(ctx context.Context, t target, row tokenRow) (string, string, error) {
			return b.importRow(ctx, t, row, options)
		}))
		if err == nil && !options.bulk.dryRun {
			a.say("Next: start their crons with: %s start --accounts FILE (or, where they run already, wait for them)", program())
		}
		return err
	})
}

func (a *vaultApp) warnOfShared(file string, shared bool) {
	if shared {
		a.warn("%s holds refresh tokens, and other users of this machine may read it; keep it to yourself with: %s", file, shell("chmod", "600", file))
	}
}

// preflightMany proves once that the vault takes writes, and names the apps that are
// missing, of each provider once.
func (a *vaultApp) preflightMany(ctx context.Context, s settings, rows []tokenRow, dryRun bool) error {
	asked := map[string]bool{}
	for _, row := range rows {
		if asked[row.account.Provider] {
			continue
		}
		t, err := newTarget(s.providers, row.account.Provider, row.account.Name, row.account.SecretsOf)
		if err != nil {
			return err
		}
		if dryRun && len(asked) == 0 {
			_, err = a.Current(ctx, t.Location)
		} else if !dryRun {
			existing, failure := a.Preflight(ctx, t.Location)
			if err = failure; err == nil && existing.Client.ID == "" {
				a.warn("the vault has no %s, without which nothing is refreshed at %s; import one account with --client FILE", t.clientSecrets(), t.Provider.Title)
			}
		}
		if err != nil {
			return err
		}
		asked[row.account.Provider] = true
	}
	return nil
}

// rowJobs makes a job of each row.
func (b bulk) rowJobs(rows []tokenRow, do func(context.Context, target, tokenRow) (string, string, error)) iter.Seq[job] {
	return func(yield func(job) bool) {
		for _, row := range rows {
			one := job{account: row.account.Name, provider: row.account.Provider, do: func(ctx context.Context) (string, string, error) {
				t, err := newTarget(b.providers, row.account.Provider, row.account.Name, row.account.SecretsOf)
				if err != nil {
					return "", "", fmt.Errorf("line %d: %w", row.line, err)
				}
				return do(ctx, t, row)
			}}
			if !yield(one) {
				return
			}
		}
	}
}
