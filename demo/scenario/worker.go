package scenario

import (
	"context"

	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
)

var refreshNow = Scenario{
	Title: "refresh now",
	Saved: "the pair is in Temporal's history, sealed, before it goes into the vault",
	play: func(ctx context.Context, st *stage) (system.Run, error) {
		st.say("$ %s", st.RefreshCommand())
		runID, err := st.RefreshNow(ctx)
		if err != nil {
			return system.Run{}, err
		}
		return st.ended(ctx, runID, refreshed)
	},
}

var killInCall = Scenario{
	Title: "kill the worker in the provider's call",
	Saved: "Temporal has another worker ask again, inside Fitbit's replay window, and Fitbit repeats the pair",
	play: func(ctx context.Context, st *stage) (system.Run, error) {
		runID, err := st.hold(ctx, authserver.Truth)
		if err != nil {
			return system.Run{}, err
		}
		if err := st.replaceWorker(ctx); err != nil {
			return system.Run{}, err
		}
		st.say("Temporal waits until the 20 s of the lost attempt are over, then gives the call to the new worker.")
		return st.ended(ctx, runID, refreshed)
	},
}

var killBeforeStore = Scenario{
	Title: "kill the worker before the store",
	Saved: "the pair waits in Temporal's history, sealed, and any worker can store it",
	play: func(ctx context.Context, st *stage) (system.Run, error) {
		runID, err := st.hold(ctx, authserver.Truth)
		if err != nil {
			return system.Run{}, err
		}
		st.Vault.Inject(keyvault.Fault{Kind: keyvault.ReadOnly})
		st.say("The vault becomes read-only, as in a regional failover, and Fitbit answers.")
		st.release()
		if err := st.AwaitBackoff(ctx, runID, "StoreSecrets"); err != nil {
			return system.Run{}, err
		}
		if err := st.replaceWorker(ctx); err != nil {
			return system.Run{}, err
		}
		st.Vault.ClearFaults()
		st.say("The vault takes writes again. The new worker opens the pair from the history and stores it.")
		return st.ended(ctx, runID, refreshed)
	},
}
