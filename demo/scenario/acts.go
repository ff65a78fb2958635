package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/workflows"
)

// All are the scenarios in the order of the menu.
func All() []Scenario {
	return []Scenario{
		{
			Title: "refresh now",
			Saved: "the pair is in Temporal's history, sealed, before it goes into the vault",
			play:  refreshNow,
		},
		{
			Title: "kill the worker in the provider's call",
			Saved: "Temporal has another worker ask again, inside Fitbit's replay window, and Fitbit repeats the pair",
			play:  duringCall(authserver.Truth, killInCall),
		},
		{
			Title: "kill the worker before the store",
			Saved: "the pair waits in Temporal's history, sealed, and any worker can store it",
			play:  duringCall(authserver.Truth, killBeforeStore),
		},
		{
			Title: "stop the vault for 30 s",
			Saved: "the pair waits in Temporal's history, sealed, for as long as the vault is away",
			play:  duringCall(authserver.Truth, stopVault),
		},
		{
			Title: "lose the provider's answer",
			Saved: "the same refresh token is presented again, inside Fitbit's replay window, and Fitbit repeats the pair",
			play:  duringCall(authserver.Reset, loseAnswer),
		},
		{
			Title: "kill the Temporal server",
			Saved: "without an acknowledgement from Temporal the worker puts the pair into the vault at once, and the run goes on from the database",
			play:  duringCall(authserver.Truth, killTemporal),
		},
		{
			Title: "cancel the workflow",
			Saved: "a cancelled run brings the call to its end and stores the pair before it stops",
			play:  cancel,
		},
		{
			Title: "revoke the consent and give it again",
			Saved: "a dead grant is alerted as ReauthorizationRequired, and the vault is left untouched until the new consent",
			play:  revoke,
		},
	}
}

func refreshNow(ctx context.Context, st *stage) (system.Run, error) {
	st.say("$ %s", st.RefreshCommand())
	runID, err := st.RefreshNow(ctx)
	if err != nil {
		return system.Run{}, err
	}
	return st.AwaitRefresh(ctx, runID)
}

// duringCall plays a fault while the provider holds its answer back, and then
// waits for the run to refresh.
func duringCall(answer authserver.Answer, fault func(context.Context, *stage, string) error) func(context.Context, *stage) (system.Run, error) {
	return func(ctx context.Context, st *stage) (system.Run, error) {
		runID, err := st.hold(ctx, answer)
		if err != nil {
			return system.Run{}, err
		}
		if err := fault(ctx, st, runID); err != nil {
			return system.Run{}, err
		}
		return st.AwaitRefresh(ctx, runID)
	}
}

func killInCall(ctx context.Context, st *stage, _ string) error {
	if err := st.replaceWorker(ctx); err != nil {
		return err
	}
	st.say("Temporal waits until the 20 s of the lost attempt are over, then gives the call to the new worker.")
	return nil
}

func killBeforeStore(ctx context.Context, st *stage, runID string) error {
	st.Vault.Inject(keyvault.Fault{Kind: keyvault.ReadOnly})
	st.say("The vault becomes read-only, as in a regional failover, and Fitbit answers.")
	st.release()
	if err := st.AwaitBackoff(ctx, runID, "StoreSecrets"); err != nil {
		return err
	}
	if err := st.replaceWorker(ctx); err != nil {
		return err
	}
	st.Vault.ClearFaults()
	st.say("The vault takes writes again. The new worker opens the pair from the history and stores it.")
	return nil
}

func stopVault(ctx context.Context, st *stage, _ string) error {
	const away = 30 * time.Second
	st.Vault.Stop()
	st.say("The vault is gone: it refuses connections. Fitbit answers. The vault stays away for %s.", away)
	st.release()
	waitErr := sleep(ctx, away)
	if err := errors.Join(waitErr, st.Vault.Resume()); err != nil {
		return err
	}
	st.say("The vault is back. The next attempt of StoreSecrets finds it.")
	return nil
}

func loseAnswer(_ context.Context, st *stage, _ string) error {
	st.say("The connection is reset before the answer has arrived.")
	st.release()
	return nil
}

func killTemporal(ctx context.Context, st *stage, _ string) error {
	before := st.Audit().Fingerprint
	st.Temporal.Kill()
	st.say("The Temporal server was killed with kill -9. Fitbit answers, and the worker cannot report it.")
	st.release()
	waitErr := system.Wait(ctx, func() bool { return st.Audit().Fingerprint != before })
	if waitErr == nil {
		st.say("The pair is in the vault already. Restarting the server on its database.")
	} else {
		waitErr = fmt.Errorf("the pair did not get into the vault: %w", waitErr)
	}
	if ctx.Err() != nil {
		return waitErr
	}
	return errors.Join(waitErr, st.Temporal.Restart(ctx))
}

func cancel(ctx context.Context, st *stage) (system.Run, error) {
	runID, err := st.hold(ctx, authserver.Truth)
	if err != nil {
		return system.Run{}, err
	}
	st.say("$ %s", st.CancelCommand())
	if _, err := st.Exec(ctx, st.CancelCommand()); err != nil {
		return system.Run{}, err
	}
	if err := st.AwaitCancellation(ctx, runID); err != nil {
		return system.Run{}, err
	}
	st.release()
	run, err := st.Await(ctx, runID)
	if err == nil && run.Outcome != workflows.Cancelled {
		err = fmt.Errorf("the cancelled run ended as %s", run.Outcome)
	}
	if err != nil {
		return run, err
	}
	st.say("The run has stored its pair and ended as cancelled. The cron has ended with it, so it is started again.")
	st.say("$ %s", st.CronCommand())
	return run, st.StartCron(ctx)
}

func revoke(ctx context.Context, st *stage) (system.Run, error) {
	if err := st.AwaitQuiet(ctx); err != nil {
		return system.Run{}, err
	}
	if err := st.Revoke(ctx, system.Account.Name); err != nil {
		return system.Run{}, err
	}
	st.say("The user has revoked the consent at Fitbit. The next refresh finds out.")
	if err := st.failAsRevoked(ctx); err != nil {
		return system.Run{}, err
	}
	if err := st.CreateAccount(system.Account.Name); err != nil {
		return system.Run{}, err
	}
	st.say("The user has consented again, and the new refresh token was put into the vault by hand.")
	runID, err := st.RefreshNow(ctx)
	if err != nil {
		return system.Run{}, err
	}
	return st.AwaitRefresh(ctx, runID)
}

// failAsRevoked refreshes and sees the run fail. A run that the cron began just
// before may take the signal along and still succeed; then once more.
func (st *stage) failAsRevoked(ctx context.Context) error {
	var run system.Run
	for range 2 {
		runID, err := st.RefreshNow(ctx)
		if err != nil {
			return err
		}
		if run, err = st.Await(ctx, runID); err != nil {
			return err
		}
		if run.Outcome == workflows.ReauthorizationRequired {
			st.say("The run has failed as %s: an alert says so, and nothing in the vault was touched.", run.Outcome)
			return nil
		}
	}
	return fmt.Errorf("the run with a revoked consent ended as %s", run.Outcome)
}
