// Package scenario breaks a running system, one act at a time, and says what
// happens and why no token is lost by it.
package scenario

import (
	"context"
	"fmt"
	"time"

	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
)

// Scenario is something to do to a running system.
type Scenario struct {
	Title string // what is done, for a menu
	Saved string // what saves the token

	play func(context.Context, *stage) (system.Run, error)
}

// Play carries the scenario out and says what happens, a line at a time. It returns
// the run that it was about, when that has ended and the system is as whole as
// before. Only one scenario may play at a time.
func (s Scenario) Play(ctx context.Context, on *system.System, say func(line string)) (run system.Run, err error) {
	st := &stage{System: on, say: func(format string, args ...any) { say(fmt.Sprintf(format, args...)) }}
	defer func() {
		if mendErr := st.mend(ctx); err == nil {
			err = mendErr
		}
	}()
	return s.play(ctx, st)
}

// Verdict puts into words what an audit means for the tokens, and whether that is
// good.
func Verdict(a system.Audit) (words string, good bool) {
	switch {
	case a.Live:
		return fmt.Sprintf("nothing lost: the vault holds generation %d (%s), which is the provider's live token", a.Generation, a.Fingerprint), true
	case a.Replayable:
		return fmt.Sprintf("nothing lost so far: the vault holds generation %d, which is spent, and the provider still repeats its answer", a.Generation), true
	case a.Consented:
		return fmt.Sprintf("LOST: the provider does not take generation %d, which the vault holds", a.Generation), false
	default:
		return "the consent is revoked, so there is no token to lose", false
	}
}

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
	if err := system.Wait(ctx, func() bool { return st.Provider.Held(user) > 0 }); err != nil {
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

// replaceWorker kills the worker, with all that it has in memory, and starts
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

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
