package activities

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	VaultRefused       = "VaultRefused"       // Key Vault or Microsoft Entra refuses the worker
	KeysetUnusable     = "KeysetUnusable"     // nothing can be sealed or opened
	InvalidGrant       = "InvalidGrant"       // the provider calls the refresh token dead
	ProbablyDead       = "ProbablyDead"       // the provider refuses it in words that may mean a dead grant
	GrantAdvanced      = "GrantAdvanced"      // the vault already holds what the refresh token was spent for
	GrantOutdated      = "GrantOutdated"      // the run was reset since it loaded the grant
	InvalidClient      = "InvalidClient"      // the provider does not take the client credentials
	ProviderRetired    = "ProviderRetired"    // the provider has ended this API
	GenerationConflict = "GenerationConflict" // two refresh tokens claim one generation
	AnswerLost         = "AnswerLost"         // the provider issued a pair in an answer that cannot be used, and does not repeat it
	GrantInDoubt       = "GrantInDoubt"       // another run may have spent the refresh token since it was loaded
	UnexpectedResult   = "UnexpectedResult"   // an activity's result is not what was asked for
)

// Retryable failure types; Temporal tries again.
const (
	vaultNotReady      = "VaultNotReady"
	providerNotReady   = "ProviderNotReady"
	historyNotReady    = "HistoryNotReady"
	providerUnknown    = "ProviderUnknown"
	tooLate            = "AttemptTooLate"
	shareInUse         = "ProviderShareInUse"
	awaitsTurn         = "AwaitsTurn"
	providerAway       = "ProviderAway" // for many accounts, so that the others do not ask
	noWordFromTemporal = "NoWordFromTemporal"
	keysetChanged      = "KeysetChanged" // the vault's keyset has a primary key from elsewhere
)

// HeldBack lists the types of failures of attempts that were not let through yet.
func HeldBack() []string { return []string{awaitsTurn, shareInUse, providerAway} }

// fail ends the activity for good. The message goes into the history as it is,
// without its causes, so that nothing secret can come with it.
func fail(kind string, err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), kind, nil)
}

// vaultFailure turns an error of the vault into a failure: retried where waiting
// may help, and for good where only an operator can.
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

// keyringFailure tells an envelope that was altered, and a keyset that will not work,
// from a vault that is away.
func keyringFailure(err error) error {
	if errors.Is(err, seal.ErrTampered) {
		return fail(UnexpectedResult, err)
	}
	if errors.Is(err, seal.ErrNoKeyset) || errors.Is(err, seal.ErrCorrupt) || errors.Is(err, seal.ErrUnknownKey) {
		return fail(KeysetUnusable, err)
	}
	if errors.Is(err, seal.ErrChanged) {
		return temporal.NewApplicationError(err.Error(), keysetChanged)
	}
	return vaultFailure(err)
}

// refreshError turns a provider's refusal into a failure: for good, with the fix and the
// answer as its details, or retried after the given pause. While an earlier request's
// answer may still be repeated, only a dead grant is final: a passing "invalid client"
// would otherwise let the window close on an issued pair.
func refreshError(f *provider.Failure, mayReplay bool, pause time.Duration) error {
	failureType := f.Kind.FailureType()
	if f.MayBeDead && f.Kind != provider.InvalidClient { // see stillRefused
		failureType = ProbablyDead
	}
	if failureType == "" || mayReplay && failureType != InvalidGrant {
		return retryIn(temporal.NewApplicationError(f.Error(), providerNotReady), pause)
	}
	return temporal.NewNonRetryableApplicationError(f.Error(), failureType, nil, f.Fix, answerInWords(f), refusalMarks{Passing: f.Passing})
}

// refusalMarks is the last detail of a refusal's failure.
type refusalMarks struct {
	Passing bool `json:"passing,omitempty"` // see [provider.Failure]
	First   bool `json:"first,omitempty"`   // no attempt of the call before it has sent anything
}

// answerInWords is a refusal's status and code, as in "403 Forbidden, invalid_grant".
func answerInWords(f *provider.Failure) string {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", f.Status, http.StatusText(f.Status)))
	if f.Detail == "" {
		return status
	}
	return status + ", " + f.Detail
}

// retryIn has Temporal retry after a pause instead of by the retry policy, which knows
// of no replay window. A final failure stays as it is.
func retryIn(err error, pause time.Duration) error {
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || failure.NonRetryable() {
		return err
	}
	return temporal.NewApplicationErrorWithOptions(failure.Message(), failure.Type(), temporal.ApplicationErrorOptions{NextRetryDelay: pause, Category: failure.Category()})
}

// heldBack ends an attempt that was not let through yet. Where many accounts wait that is
// what should be: Temporal's SDK neither logs it as an error nor counts it as a failure. We
// count it.
func (a *Activities) heldBack(ctx context.Context, provider, kind, format string, args ...any) error {
	a.Metrics.HeldBack(ctx, provider, kind)
	return temporal.NewApplicationErrorWithOptions(fmt.Sprintf(format, args...), kind, temporal.ApplicationErrorOptions{Category: temporal.ApplicationErrorCategoryBenign})
}

// isHeldBack reports whether a failure is of an attempt that was not let through yet.
func isHeldBack(err error) bool {
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && slices.Contains(HeldBack(), failure.Type())
}

// Fix returns the fix that a provider's refusal carries; empty for other errors
// and for refusals in the histories of older versions.
func Fix(err error) string {
	fix, _, _ := refusalDetails(err)
	return fix
}

// Answer returns the status and code of a provider's refusal; empty where [Fix] is.
func Answer(err error) string {
	_, answer, _ := refusalDetails(err)
	return answer
}

// MayPass reports whether a refusal may be everyone's for a while, as a firewall's page is.
func MayPass(err error) bool {
	_, _, marks := refusalDetails(err)
	return marks.Passing
}

func refusalDetails(err error) (fix, answer string, marks refusalMarks) {
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || failure.Details(&fix, &answer, &marks) != nil && failure.Details(&fix, &answer) != nil && failure.Details(&fix) != nil {
		return "", "", refusalMarks{}
	}
	return fix, answer, marks
}

// storeError turns final failures of a store into retryable ones: a pair in hand
// is not given up because a secret was deleted or a role was lost, for an
// operator may mend either. No time mends a conflict, or a result that was altered.
func storeError(err error) error {
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case !ok, failure.Type() == GenerationConflict, failure.Type() == UnexpectedResult:
		return err
	case failure.Type() == providerUnknown, failure.Type() == KeysetUnusable:
		return temporal.NewApplicationError(failure.Message(), failure.Type())
	default:
		return temporal.NewApplicationError(failure.Message(), vaultNotReady)
	}
}

// undecryptable reports whether a sealed pair cannot be opened.
func undecryptable(err error) bool {
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && (failure.Type() == KeysetUnusable || failure.Type() == UnexpectedResult)
}
