package scenario

import (
	"context"
	"fmt"

	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/workflows"
)

var cancelled = Scenario{
	Title: "cancel the workflow",
	Saved: "a cancelled run brings the call to its end and stores the pair before it stops",
	play: func(ctx context.Context, st *stage) (system.Run, error) {
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
		run, err := st.ended(ctx, runID, func(r system.Run) bool { return r.Outcome == system.Cancelled })
		if err != nil {
			return run, err
		}
		st.say("The run has stored its pair and ended as cancelled. The cron has ended with it, so it is started again.")
		st.say("$ %s", st.CronCommand())
		return run, st.StartCron(ctx)
	},
}

var revoked = Scenario{
	Title: "revoke the consent and give it again",
	Saved: "a dead grant is told to a person as ReauthorizationRequired, and the vault is left untouched until the new consent",
	play: func(ctx context.Context, st *stage) (system.Run, error) {
		if err := st.AwaitQuiet(ctx); err != nil {
			return system.Run{}, err
		}
		if err := st.Revoke(ctx, system.Account.Name); err != nil {
			return system.Run{}, err
		}
		st.say("The person has revoked the consent at Fitbit. The next refresh finds out.")
		if err := st.failAsRevoked(ctx); err != nil {
			return system.Run{}, err
		}
		if err := st.CreateAccount(system.Account.Name); err != nil {
			return system.Run{}, err
		}
		st.say("The person has consented again, and the new refresh token was put into the vault by hand.")
		runID, err := st.RefreshNow(ctx)
		if err != nil {
			return system.Run{}, err
		}
		return st.ended(ctx, runID, refreshed)
	},
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
			st.say("The run has failed as %s: a person is told, and nothing in the vault was touched.", run.Outcome)
			return nil
		}
	}
	return fmt.Errorf("the run with a revoked consent ended as %s", run.Outcome)
}
