// Package activities does what the RefreshTokens workflow decides: it reads the
// vault, calls the provider, and stores what the provider issued. Nothing secret
// leaves an activity unsealed.
//
// [Activities.LoadSecrets], [Activities.Call] and [Activities.StoreSecrets] are
// the three steps of a refresh. [Activities.RecoverGrant] goes through the recovery
// ladder: after a provider has called a grant invalid, or, after
// [Activities.ReadGrant], because an operator asks. [Activities.Alert] logs and
// counts an incident.
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

// Dependencies are the edges that the activities act on. Log may be nil.
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
	// Answered counts a provider's answer: "ok" or a [provider.Kind].
	Answered(ctx context.Context, provider, kind string)
	// Durable records where a pair's first durable copy is, "history" or "vault",
	// and how long after the provider's answer it existed.
	Durable(ctx context.Context, where string, after time.Duration)
	// Escrowed counts pairs that the vault took because Temporal had not.
	Escrowed(ctx context.Context, provider string)
	// Stored records that an account's tokens are in the vault.
	Stored(ctx context.Context, account token.Account, outcome string, expiry time.Time)
	// Alerted counts alerts by reason.
	Alerted(ctx context.Context, account token.Account, reason string)
}

// Activities carries the dependencies of all activities.
type Activities struct {
	Dependencies
	inFlight sync.WaitGroup // pairs that neither Temporal nor the vault has taken yet
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
}

// Drain waits until Temporal or the vault has every issued pair. Call it after the
// worker has stopped and before the connections to either are closed.
func (a *Activities) Drain() { a.inFlight.Wait() }

// locate returns an account's provider and the names of its secrets.
func (a *Activities) locate(account token.Account) (vault.Location, error) {
	at, err := vault.Locate(a.Providers, account)
	if err != nil {
		return vault.Location{}, fail(InvalidInput, err)
	}
	return at, nil
}

// runOf names the workflow run that an activity works for.
func runOf(info activity.Info) vault.Run {
	return vault.Run{WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID}
}
