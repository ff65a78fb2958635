package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// What revoke reports for an account of many.
const (
	outcomeRevoked       = "revoked"
	outcomeRevokedBefore = "revoked before"
	outcomeByHand        = "ended here and not at the provider"
)

// revokeMany ends the accounts in a file.
func (a *vaultApp) revokeMany(ctx context.Context, cmd *cobra.Command, s settings, t target, options bulkOptions) error {
	err := refuseSingle(cmd)
	var all []listed
	if err == nil {
		all, err = readListed(options.file, s.providers, inherited{provider: t.Account.Provider})
	}
	if err != nil {
		return usageError{err}
	}
	if options.asJSON {
		a.jsonOutput()
	}
	if !options.dryRun {
		a.say("This ends %s accounts: their workflows, their grants at the providers, and their tokens in the vault. Only new consents bring them back.", grouped(len(all)))
		if err := confirmMany(ctx, a.prompter, "revoke", len(all), options.yes); err != nil {
			return err
		}
	}
	return a.withBulk(s.providers, true, func(b bulk) error {
		m := b.many(&a.printer, "revoke", "Revoking", "revoked", options)
		m.attention, m.advice = outcomeByHand, "the grants of %s accounts are not ended at their providers, which have no way to ask for that or refused; have the users remove the app's access there"
		return m.run(ctx, len(all), jobsOf(targetsOf(all, s.providers), func(t target) job {
			return job{do: func(ctx context.Context) (string, string, error) { return b.revokeOne(ctx, t, options.dryRun) }}
		}))
	})
}

func (b bulk) revokeOne(ctx context.Context, t target, dryRun bool) (did, detail string, err error) {
	pair, err := b.Vault.Tokens(ctx, t.Names)
	if err != nil {
		return "", "", err
	}
	kept, _, err := b.isRefreshed(t)
	if err != nil {
		return "", "", err
	}
	if !kept && pair.RefreshToken.Empty() && pair.AccessToken.Empty() {
		// An interruption may have kept from the operator what is left to the user.
		if byHand, err := b.wasLeftToUser(ctx, t); err != nil {
			return "", "", err
		} else if byHand {
			return outcomeByHand, byHandBefore(t), nil
		}
		return outcomeRevokedBefore, "", nil
	}
	if dryRun {
		return "would be revoked", "", nil
	}
	if err := b.pace.wait(ctx); err != nil {
		return "", "", err
	}
	err = b.revoke(ctx, t)
	var attention needsAttention
	if errors.As(err, &attention) {
		return outcomeByHand, attention.message, nil
	}
	return outcomeRevoked, "", err
}
