package scenario

import (
	"context"
	"fmt"
	"time"

	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
)

// stage is the system that a scenario plays on.
type stage struct {
	*system.System
	say func(format string, args ...any)
}

// hold begins a refresh and stops it where the provider has spent the old token,
// issued the new one, and not answered. It returns the run.
func (st *stage) hold(ctx context.Context, then authserver.Answer) (runID string, err error) {
	if err := st.AwaitQuiet(ctx); err != nil {
		return "", err
	}
	fault := authserver.Fault{Endpoint: authserver.Token, Commit: true, Hold: true, Answer: then}
	if err := st.Provider.Inject(fault); err != nil {
		return "", err
	}
	if _, err := st.RefreshNow(ctx); err != nil {
		return "", err
	}
	user := testenv.UserOf(system.Account.Name)
	// The cron may have come first and taken the signal along; its next run is
	// then the one that is held.
	err = wait(ctx, time.Minute, func() bool { return st.Provider.Held(user) > 0 })
	if err != nil {
		return "", fmt.Errorf("no refresh reached the provider: %w", err)
	}
	run, err := st.Run(ctx, "")
	if err != nil {
		return "", err
	}
	st.say("Fitbit has spent the old refresh token and issued the next one. Its answer is on the way.")
	return run.ID, nil
}

// release lets the provider answer what it holds back.
func (st *stage) release() { st.Provider.Release("") }

// replaceWorker kills the worker, with whatever it has in memory, and starts
// another one.
func (st *stage) replaceWorker(ctx context.Context) error {
	st.say("$ kill -9 %d", st.Workers()[0].PID())
	st.KillWorkers()
	st.say("The worker is gone, with all that it had in memory.")
	if err := st.AddWorker(ctx); err != nil {
		return err
	}
	st.say("Another worker has started, pid %d.", st.Workers()[0].PID())
	return nil
}

// mend undoes what a scenario that did not come to its end has left.
func (st *stage) mend(ctx context.Context) error {
	st.Provider.ClearFaults()
	st.Vault.ClearFaults()
	st.release()
	if ctx.Err() != nil || len(st.Workers()) > 0 {
		return nil
	}
	return st.AddWorker(ctx)
}

// ended waits for a run and insists on an outcome.
func (st *stage) ended(ctx context.Context, runID string, as func(system.Run) bool) (system.Run, error) {
	run, err := st.Await(ctx, runID)
	if err == nil && !as(run) {
		err = fmt.Errorf("the run ended as %s", run.Outcome)
	}
	return run, err
}

func refreshed(r system.Run) bool { return r.Refreshed() }

// wait polls until something holds.
func wait(ctx context.Context, within time.Duration, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for !holds() {
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
