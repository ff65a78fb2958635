package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// putPair opens the pair and stores it, once begin lets it.
func (a *Activities) putPair(ctx context.Context, n vault.Names, issued RefreshResult, run vault.Run, begin func(context.Context, RefreshResult) error) (vault.Receipt, error) {
	pair, err := a.openPair(ctx, n, issued)
	if err != nil {
		return a.settleKeyless(ctx, n, issued, err)
	}
	if err := begin(ctx, issued); err != nil {
		return vault.Receipt{}, err
	}
	receipt, err := a.Vault.Store(ctx, n, entryOf(issued, pair), run)
	if err != nil {
		return vault.Receipt{}, vaultFailure(err)
	}
	return receipt, nil
}

// settleKeyless ends the wait for a pair whose key is gone where the vault has a newer
// consent or generation, so that storing it would change nothing: the fence decides by the
// provenance, which can be read without the key. In any other case the pair waits, because
// a keyset that was deleted may be recovered, and the failure names both ways out.
func (a *Activities) settleKeyless(ctx context.Context, n vault.Names, issued RefreshResult, unopened error) (vault.Receipt, error) {
	failure, ok := errors.AsType[*temporal.ApplicationError](unopened)
	if !ok || failure.Type() != KeysetUnusable {
		return vault.Receipt{}, unopened
	}
	receipt, err := a.Vault.Superseded(ctx, n, entryOf(issued, token.Pair{Issue: issued.Issue}))
	switch {
	case err != nil:
		return vault.Receipt{}, vaultFailure(err)
	case receipt.Superseded:
		a.Log.WarnContext(ctx, "a pair that cannot be opened is given up, because the vault has a newer one", "account", issued.Account.String(), "generation", issued.Provenance.Generation, "fingerprint", issued.Provenance.Fingerprint)
		return receipt, nil
	}
	return vault.Receipt{}, fail(KeysetUnusable, fmt.Errorf("open the pair of generation %d of %s: %s; it waits for its key in %s: recover the secret and all of its versions, or where they are gone, have the account owner consent again (starter authorize), which ends this wait",
		issued.Provenance.Generation, issued.Account, failure.Message(), seal.SecretName))
}
