package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
)

// vaultAwayFor is how long the vault stays away.
const vaultAwayFor = 30 * time.Second

var vaultAway = Scenario{
	Title: "stop the vault for 30 s",
	Saved: "the pair waits in Temporal's history, sealed, for as long as the vault is away",
	play: func(ctx context.Context, st *stage) (run system.Run, err error) {
		runID, err := st.hold(ctx, authserver.Truth)
		if err != nil {
			return system.Run{}, err
		}
		st.Vault.Stop()
		back := false
		defer func() {
			if !back {
				err = errors.Join(err, st.Vault.Resume())
			}
		}()
		st.say("The vault is gone: nobody listens there any more. Fitbit answers. The vault stays away for %s.", vaultAwayFor)
		st.release()
		if err := sleep(ctx, vaultAwayFor); err != nil {
			return system.Run{}, err
		}
		back = true
		if err := st.Vault.Resume(); err != nil {
			return system.Run{}, err
		}
		st.say("The vault is back. The next attempt of StoreSecrets finds it.")
		return st.ended(ctx, runID, refreshed)
	},
}

var answerLost = Scenario{
	Title: "lose the provider's answer",
	Saved: "the same refresh token is presented again, inside Fitbit's replay window, and Fitbit repeats the pair",
	play: func(ctx context.Context, st *stage) (system.Run, error) {
		runID, err := st.hold(ctx, authserver.Reset)
		if err != nil {
			return system.Run{}, err
		}
		st.say("The connection is reset before the answer has arrived.")
		st.release()
		return st.ended(ctx, runID, refreshed)
	},
}

var temporalKilled = Scenario{
	Title: "kill the Temporal server",
	Saved: "without Temporal's word the worker puts the pair into the vault at once, and the run goes on from the database",
	play: func(ctx context.Context, st *stage) (run system.Run, err error) {
		runID, err := st.hold(ctx, authserver.Truth)
		if err != nil {
			return system.Run{}, err
		}
		before := st.Judge().Fingerprint
		st.Temporal.Kill()
		running := false
		defer func() {
			if !running && ctx.Err() == nil {
				err = errors.Join(err, st.Temporal.Restart(ctx))
			}
		}()
		st.say("The Temporal server was killed with kill -9. Fitbit answers, and the worker finds nobody to tell.")
		st.release()
		err = wait(ctx, 30*time.Second, func() bool { return st.Judge().Fingerprint != before })
		if err != nil {
			return system.Run{}, fmt.Errorf("the pair did not get into the vault: %w", err)
		}
		st.say("The pair is in the vault already. Restarting the server on its database.")
		running = true
		if err := st.Temporal.Restart(ctx); err != nil {
			return system.Run{}, err
		}
		return st.ended(ctx, runID, refreshed)
	},
}
