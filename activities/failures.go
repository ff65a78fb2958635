package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/vault"
)

// The types of the failures that end an activity for good, as they stand in the
// history. The workflow decides by them, and so may an operator's filter.
const (
	InvalidInput       = "InvalidInput"       // the account or provider cannot exist
	MissingSecret      = "MissingSecret"      // a secret is absent, deleted or disabled
	MalformedSecret    = "MalformedSecret"    // a secret is there and cannot be what it should
	ForeignSecret      = "ForeignSecret"      // a refresh token is there, and of another provider
	VaultRefused       = "VaultRefused"       // Key Vault or Microsoft Entra will not have us
	KeysetUnusable     = "KeysetUnusable"     // nothing can be sealed or opened
	InvalidGrant       = "InvalidGrant"       // the provider calls the refresh token dead
	GrantAdvanced      = "GrantAdvanced"      // the vault already holds what the refresh token was spent for
	GrantOutdated      = "GrantOutdated"      // the run was reset since it loaded the grant
	InvalidClient      = "InvalidClient"      // the provider does not take the client credentials
	ProviderRetired    = "ProviderRetired"    // the provider has ended this API
	RequestRejected    = "RequestRejected"    // the provider calls the request wrong
	GenerationConflict = "GenerationConflict" // two refresh tokens claim one generation
)

// Retryable failure types; Temporal tries again.
const (
	vaultNotReady    = "VaultNotReady"
	providerNotReady = "ProviderNotReady"
	historyNotReady  = "HistoryNotReady"
	tooLate          = "AttemptTooLate"
	noWord           = "NoWordFromTemporal"
)

// fail ends the activity for good. The message goes into the history as it is,
// without its causes, so that nothing can ride along.
func fail(kind string, err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), kind, nil)
}

// vaultFailure turns an error of the vault into a failure: retried where waiting
// may help, and for good where only a person can.
func vaultFailure(err error) error {
	switch {
	case errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrDeleted), errors.Is(err, vault.ErrDisabled):
		return fail(MissingSecret, err)
	case errors.Is(err, vault.ErrMalformed):
		return fail(MalformedSecret, err)
	case errors.Is(err, vault.ErrOtherProvider):
		return fail(ForeignSecret, err)
	case errors.Is(err, vault.ErrConflict):
		return fail(GenerationConflict, err)
	case !vault.Retryable(err):
		return fail(VaultRefused, err)
	default:
		return temporal.NewApplicationError(err.Error(), vaultNotReady)
	}
}

// keyringFailure tells a keyset that will not work from a vault that is away.
func keyringFailure(err error) error {
	for _, hopeless := range []error{seal.ErrNoKeyset, seal.ErrCorrupt, seal.ErrUnknownKey, seal.ErrTampered} {
		if errors.Is(err, hopeless) {
			return fail(KeysetUnusable, err)
		}
	}
	return vaultFailure(err)
}

// providerFailure turns a provider's refusal into a failure: retried, after the
// wait that the provider asked for, or for good.
func providerFailure(f *provider.Failure) error {
	if final := f.Kind.FailureType(); final != "" {
		return fail(final, f)
	}
	return retryable(f)
}

func retryable(f *provider.Failure) error {
	return temporal.NewApplicationErrorWithOptions(f.Error(), providerNotReady, temporal.ApplicationErrorOptions{
		NextRetryDelay: max(0, f.RetryAfter).Round(time.Second),
	})
}

// storing turns final failures of a store into retryable ones, except those that
// time cannot heal: a pair in hand is not given up because a secret was deleted
// or a role was lost, for a person may mend either.
func storing(err error) error {
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) && failure.Type() != GenerationConflict && failure.Type() != MalformedSecret {
		return temporal.NewApplicationError(failure.Message(), vaultNotReady)
	}
	return err
}

// unopenable reports whether a sealed pair cannot be opened, so that the search
// may go on to an older one.
func unopenable(err error) bool {
	var failure *temporal.ApplicationError
	return errors.As(err, &failure) && failure.Type() == KeysetUnusable
}
