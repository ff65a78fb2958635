package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/vault"
)

// bulk carries out a vault command for many accounts, silently and with one connection to
// Temporal. What is done already it knows from the vault, so that it can be repeated.
type bulk struct {
	*vaultApp
	providers provider.Table
	pace      *pace
}

// withBulk acts with a bulk. Where Temporal does not answer, what needs it fails for
// each account, unless the command goes on without.
func (a *vaultApp) withBulk(providers provider.Table, needsTemporal bool, do func(bulk) error) error {
	silent := *a
	silent.notes, silent.warnings = io.Discard, io.Discard
	b := bulk{&silent, providers, newPace()}
	entered := false
	err := a.withTemporal(func(ctx context.Context, o *temporalApp) error {
		entered = true
		quiet := *o
		quiet.notes, quiet.warnings = io.Discard, io.Discard
		silent.withTemporal = func(do func(context.Context, *temporalApp) error) error {
			return quiet.server().describeError(do(ctx, &quiet))
		}
		return do(b)
	})
	if entered || needsTemporal || errors.Is(err, errInterrupted) {
		return err
	}
	a.warn("runs at work are not told of the new tokens, and other accounts of one user are not looked for: %v", err)
	silent.withTemporal = func(func(context.Context, *temporalApp) error) error { return err }
	return do(b)
}

func (b bulk) many(printer *printer, verb, doing, done string, o bulkOptions) many {
	return many{printer: printer, verb: verb, doing: doing, done: done, dryRun: o.dryRun, asJSON: o.asJSON}
}

// bulkOptions are what the commands for many have in common.
type bulkOptions struct {
	file           string
	dryRun, asJSON bool
	yes            bool
}

// existing is what the vault holds for an account; see [consent.Service.Preflight], which
// proves more than each of many accounts needs.
func (b bulk) existing(ctx context.Context, t target) (consent.Existing, error) {
	current, _, err := b.Vault.Load(ctx, t.Names, 0)
	switch {
	case errors.Is(err, vault.ErrOtherProvider):
		return consent.Existing{OtherProvider: err}, nil
	case errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrDeleted), errors.Is(err, vault.ErrDisabled), errors.Is(err, vault.ErrMalformed):
		return consent.Existing{}, nil
	}
	return consent.Existing{RefreshToken: current}, err
}

// What the commands for many accounts' tokens report.
const (
	outcomeImported = "imported"
	outcomeInVault  = "in the vault already"
)

// importRow stores one account's tokens.
func (b bulk) importRow(ctx context.Context, t target, row tokenRow, options importOptions) (did, detail string, err error) {
	existing, err := b.existing(ctx, t)
	if err != nil {
		return "", "", err
	}
	fingerprint := row.pair.RefreshToken.Fingerprint()
	current := existing.RefreshToken
	if current.Fingerprint == fingerprint || current.Consent == fingerprint {
		return outcomeInVault, "", nil
	}
	if err := b.refusePending(ctx, t, "import", current); err != nil {
		return "", "", conflictError{err}
	}
	switch {
	case options.replace || !replaces(fingerprint, existing):
	case existing.OtherProvider != nil:
		return "", "", conflictError{fmt.Errorf("%w; to replace it, add --replace", existing.OtherProvider)}
	default:
		return "", "", conflictError{fmt.Errorf("the vault holds a usable refresh token, generation %d (fingerprint %s); to replace it, add --replace", current.Generation, current.Fingerprint)}
	}
	if err := consent.CheckUser(t.Location, current.UserID, row.pair.UserID); err != nil {
		return "", "", conflictError{err}
	}
	if err := b.refuseSameUser(t, row, options); err != nil {
		return "", "", err
	}
	if options.bulk.dryRun {
		return "would be imported", "", nil
	}
	stored, err := b.store(ctx, t, consent.PendingConsent{Pair: row.pair, Over: current.Consent})
	if err != nil {
		return "", "", err
	}
	b.auditStored(ctx, auditImport, t, row.pair, stored)
	_, err = b.hurryRuns(t)
	if err != nil {
		detail = "a run at work was not told"
	}
	return outcomeImported, detail, nil
}

// store waits for the pace, and for the vault for as long as one account may.
func (b bulk) store(ctx context.Context, t target, p consent.PendingConsent) (stored vault.Receipt, err error) {
	if err := b.pace.wait(ctx); err != nil {
		return stored, err
	}
	storing, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var last error
	stored, err = b.Store(storing, t.Location, p, keepLast(&last))
	switch {
	case err != nil && last != nil && ctx.Err() == nil:
		return stored, fmt.Errorf("%w; it was not stored within %s; import it again", last, storeTimeout)
	case err != nil:
		return stored, err
	case stored.Superseded:
		return stored, conflictError{errors.New("this token was in the vault before, and something newer is there; nothing was changed; take it out of the file")}
	}
	return stored, nil
}

// refuseSameUser returns a conflictError where another account is the same user's.
func (b bulk) refuseSameUser(t target, row tokenRow, options importOptions) error {
	if row.pair.UserID == "" || options.sameUser {
		return nil
	}
	var others string
	err := b.withTemporal(func(ctx context.Context, app *temporalApp) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		found, err := app.accountsOfUser(ctx, t.Account, row.pair.UserID)
		others = names(found)
		return err
	})
	if err == nil && others != "" {
		return conflictError{fmt.Errorf("user %s is behind %s already, whose grant may end with this one's beginning; add %s to store it nevertheless", row.pair.UserID, others, sameUserFlag)}
	}
	return nil // what cannot be looked up does not keep tokens out of the vault
}
