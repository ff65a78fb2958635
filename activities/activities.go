// Package activities does what the RefreshTokens workflow decides: it reads the
// vault, calls the provider, and stores what the provider issued. Nothing secret
// leaves an activity unsealed.
//
// [Activities.LoadSecrets], [Activities.Call] and [Activities.StoreSecrets] are
// the three steps of a refresh. Call is registered once per provider, as
// "CallFitbit" and so on, so that a history reads as what happened.
// [Activities.RecoverGrant] climbs the recovery ladder after a provider has
// called a grant invalid, or, after [Activities.ReadGrant], because a person
// asks. [Activities.Alert] tells a person.
package activities

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Dependencies are the edges that the activities act on. All are required but
// Log, which defaults to slog's default logger.
type Dependencies struct {
	Vault     *vault.Vault
	Keyring   *seal.Keyring
	Providers provider.Table
	Client    *provider.Client
	Temporal  Temporal
	Metrics   Metrics
	Log       *slog.Logger
}

// Metrics is what the activities measure; package telemetry implements it.
type Metrics interface {
	// Answered counts a provider's answer by kind, such as "ok" or "grant-dead".
	Answered(ctx context.Context, provider, kind string)
	// Durable records how long after the provider's answer the pair's first
	// durable copy existed, and where: "history" or "vault".
	Durable(ctx context.Context, where string, after time.Duration)
	// Escrowed counts pairs that went into the vault because Temporal gave no word.
	Escrowed(ctx context.Context, provider string)
	// StoreResult records that an account's tokens are in the vault and until when the
	// access token is good.
	Stored(ctx context.Context, account token.Account, outcome string, expiry time.Time)
	// Alerted counts what people were told, by reason.
	Alerted(ctx context.Context, account token.Account, reason string)
}

// Activities carries the dependencies of all activities.
type Activities struct {
	Dependencies
	custody sync.WaitGroup // pairs that neither Temporal nor the vault has taken yet
}

// New makes activities over the given edges.
func New(d Dependencies) *Activities {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	return &Activities{Dependencies: d}
}

// Registry is where activities are registered: a worker, or a test environment.
type Registry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// Register makes the activities known to a worker under their names.
func (a *Activities) Register(r Registry) {
	r.RegisterActivityWithOptions(a.LoadSecrets, activity.RegisterOptions{Name: "LoadSecrets"})
	for _, p := range a.Providers.Providers() {
		r.RegisterActivityWithOptions(a.Call, activity.RegisterOptions{Name: p.ActivityType()})
	}
	r.RegisterActivityWithOptions(a.StoreSecrets, activity.RegisterOptions{Name: "StoreSecrets"})
	r.RegisterActivityWithOptions(a.ReadGrant, activity.RegisterOptions{Name: "ReadGrant"})
	r.RegisterActivityWithOptions(a.RecoverGrant, activity.RegisterOptions{Name: "RecoverGrant"})
	r.RegisterActivityWithOptions(a.Alert, activity.RegisterOptions{Name: "Alert"})
}

// Drain waits until no activity holds a pair that neither Temporal nor the
// vault has taken. Call it after the worker has stopped and before the
// connections to Temporal and to the vault are closed.
func (a *Activities) Drain() { a.custody.Wait() }

// locate returns an account's provider and the names of its secrets.
func (a *Activities) locate(account token.Account) (vault.Location, error) {
	l, err := vault.Locate(a.Providers, account)
	if err != nil {
		return vault.Location{}, fail(InvalidInput, err)
	}
	return l, nil
}

// runOf names the workflow run that an activity works for.
func runOf(info activity.Info) vault.Run {
	return vault.Run{WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID}
}
