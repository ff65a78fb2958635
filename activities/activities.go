// Package activities does what the RefreshTokens workflow decides: it reads the
// vault, calls the provider, and stores what the provider issued. Nothing secret
// leaves an activity unsealed.
//
// [Activities.LoadSecrets], [Activities.Call] and [Activities.StoreSecrets] are
// the three steps of a refresh. [Activities.RecoverGrant] goes through the recovery
// ladder: after a provider has called a grant invalid, or, after
// [Activities.ReadGrant], because an operator asks. [Activities.Alert] logs,
// counts and reports an incident, and [Activities.NotifyReceiver] sends its events.
package activities

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/pace"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Dependencies are the edges that the activities act on. Log may be nil.
type Dependencies struct {
	Vault     *vault.Vault
	Keyring   *seal.Keyring
	Providers provider.Table
	Client    *provider.Client
	Temporal  Temporal
	// Words are those of the worker's client; nil: they are lost.
	Words   *LastWords
	Metrics Metrics
	// Incidents takes what is alerted; nil: it is logged and counted only.
	Incidents Incidents
	Webhooks  Webhooks
	Log       *slog.Logger
	// Pace is what the vault lets this worker write; nil is no limit.
	Pace *pace.Limiter
	// Attributes are the search attributes of the namespace, for the search and for the runs.
	Attributes Attributes
	// Slots is how many activities the worker runs at a time, of which each provider has its
	// share; zero: no bound.
	Slots int
}

// Metrics is what the activities measure; package telemetry implements it.
type Metrics interface {
	// Answered counts a provider's answer: "ok" or a [provider.Kind].
	Answered(ctx context.Context, provider, kind string)
	// Durable records where a pair's first durable copy is, "history" or "vault",
	// and how long after the provider's answer it existed.
	Durable(ctx context.Context, where string, after time.Duration)
	// HeldBack counts attempts that were not let through yet, by one of [HeldBack].
	HeldBack(ctx context.Context, provider, failure string)
	// Escrowed counts pairs that the vault took because Temporal had not.
	Escrowed(ctx context.Context, provider string)
	// Stored records that an account's tokens are in the vault.
	Stored(ctx context.Context, account token.Account, outcome string, issued token.Issue)
	// Breaker records whether this worker's calls to a provider wait because it is away for
	// many accounts.
	Breaker(ctx context.Context, provider string, open bool)
	// Alerted counts alerts by reason.
	Alerted(ctx context.Context, account token.Account, reason string)
}

// Activities carries the dependencies of all activities.
type Activities struct {
	Dependencies
	inFlight sync.WaitGroup // pairs that neither Temporal nor the vault has taken yet
	shares   *shares
	breakers *breakers
}

// New makes activities over the given edges.
func New(d Dependencies) *Activities {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Words == nil {
		d.Words = &LastWords{}
	}
	return &Activities{Dependencies: d, shares: newShares(d.Slots), breakers: newBreakers()}
}

// Registry is where activities are registered: a worker, or a test environment.
type Registry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// Register registers the activities under their names: Call once per provider, as
// "CallFitbit" and so on, so that a history names the provider.
func (a *Activities) Register(r Registry) {
	register := func(name string, f any) {
		r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	register("LoadSecrets", a.LoadSecrets)
	for _, p := range a.Providers.Providers() {
		register(p.ActivityType(), a.Call)
	}
	register("StoreSecrets", a.StoreSecrets)
	register("ReadGrant", a.ReadGrant)
	register("RecoverGrant", a.RecoverGrant)
	register("Alert", a.Alert)
	register("NotifyReceiver", a.NotifyReceiver)
	register("CheckIncident", a.CheckIncident)
}

// Drain waits until Temporal or the vault has every issued pair. Call it after the
// worker has stopped and before the connections to either are closed.
func (a *Activities) Drain() { a.inFlight.Wait() }

// providerPatience is how long an unknown provider is waited for: while the providers
// file is being rolled out, some workers of a queue know it before others.
const providerPatience = 10 * time.Minute

// unknownPause is the pause between two attempts of a run whose provider is unknown: the
// next one may come to another worker that does not know it either.
const unknownPause = 5 * time.Second

// locate returns an account's provider and the names of its secrets. A provider that
// is not in this worker's table is retried at first, because another worker may have it.
func (a *Activities) locate(info activity.Info, account token.Account) (vault.Location, error) {
	at, err := vault.Locate(a.Providers, account)
	switch {
	case err == nil:
		return at, nil
	case errors.Is(err, provider.ErrUnknownProvider) && time.Since(info.ScheduledTime) < providerPatience && isAccount(account):
		failure := temporal.NewApplicationError(err.Error()+"; waiting for a worker that knows it", providerUnknown)
		return vault.Location{}, retryIn(failure, unknownPause)
	}
	return vault.Location{}, fail(InvalidInput, err)
}

// isAccount reports whether an account's words are valid, whatever this worker's table has.
func isAccount(account token.Account) bool {
	a, err := token.NewAccount(account.Provider, account.Name)
	if err == nil {
		a, err = a.KeptUnder(account.SecretsOf)
	}
	return err == nil && a == account
}

// runOf names the workflow run that an activity works for.
func runOf(info activity.Info) vault.Run {
	return vault.Run{WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID}
}
