package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/token"
)

const outcomeMigrated = "migrated"

// migrateMany moves the accounts in a file of tokens to the successor of their provider,
// which has issued those tokens to an app of the operator's.
func (a *vaultApp) migrateMany(ctx context.Context, cmd *cobra.Command, s settings, t target, options consentOptions, many bulkOptions) error {
	rows, shared, err := readRows(many.file, cmd.InOrStdin(), s.providers, t.Account.Provider, time.Now())
	if err != nil {
		return usageError{err}
	}
	for _, row := range rows {
		from, err := newTarget(s.providers, row.account.Provider, row.account.Name, row.account.SecretsOf)
		if err == nil {
			_, err = successorOf(s, from)
		}
		if err != nil {
			return usageError{fmt.Errorf("%s:%d: %w", many.file, row.line, err)}
		}
	}
	if many.asJSON {
		a.jsonOutput()
	}
	a.warnOfShared(many.file, shared)
	if !many.dryRun {
		if err := confirmMany(ctx, a.prompter, "migrate", len(rows), many.yes); err != nil {
			return err
		}
	}
	return a.withBulk(s.providers, true, func(b bulk) error {
		m := b.many(&a.printer, "migrate", "Migrating", "migrated", many)
		return m.run(ctx, len(rows), b.rowJobs(rows, func(ctx context.Context, from target, row tokenRow) (string, string, error) {
			to, err := successorOf(s, from)
			if err != nil {
				return "", "", err
			}
			return b.migrateOne(ctx, from, to, row.pair, options, many.dryRun)
		}))
	})
}

// migrateTimeout bounds the migration of one account of many: a run at work is waited for.
const migrateTimeout = 10 * time.Minute

func (b bulk) migrateOne(ctx context.Context, from, to target, pair token.Pair, options consentOptions, dryRun bool) (did, detail string, err error) {
	current, err := b.Current(ctx, to.Location)
	if err != nil {
		return "", "", err
	}
	there := current.Provider == to.Provider.Name
	kept := false
	if there {
		if kept, _, err = b.isRefreshed(to); err != nil {
			return "", "", err
		}
	}
	if there && kept {
		return outcomeThere, "", nil
	}
	if dryRun {
		return "would be migrated", "", nil
	}
	if err := b.pace.wait(ctx); err != nil {
		return "", "", err
	}
	within, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	err = b.migrate(within, from, to, options, pair)
	if errors.Is(err, errInterrupted) && ctx.Err() == nil {
		err = conflictError{fmt.Errorf("it did not end within %s; migrate it again", migrateTimeout)}
	}
	return outcomeMigrated, "", err
}
