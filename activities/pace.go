package activities

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/pace"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/window"
)

const (
	pacedSuffix       = "-paced"
	pacedSingleSuffix = "-paced-single"
)

// PacedQueue is the task queue that loads go over which may wait: Temporal hands them out
// no faster than the vault takes what follows. A provider that does not rotate writes one
// secret for each refresh, not two, and has a queue of its own.
func PacedQueue(taskQueue string, nonRotating bool) string {
	if nonRotating {
		return taskQueue + pacedSingleSuffix
	}
	return taskQueue + pacedSuffix
}

// isPaced reports whether a task came over a paced queue.
func isPaced(taskQueue string) bool {
	return strings.HasSuffix(taskQueue, pacedSuffix) || strings.HasSuffix(taskQueue, pacedSingleSuffix)
}

// writes is how many secret versions a refresh creates.
func writes(nonRotating bool) int {
	if nonRotating {
		return 1
	}
	return 2
}

// RegisterPaced registers what goes over a paced queue.
func (a *Activities) RegisterPaced(r Registry) {
	r.RegisterActivityWithOptions(a.LoadSecrets, activity.RegisterOptions{Name: "LoadSecrets"})
}

// waitForPace lets a load begin that may wait. It holds one of the few activities of a
// paced queue meanwhile, so that the others stay with Temporal.
func (a *Activities) waitForPace(ctx context.Context, info activity.Info, at vault.Location, in LoadInput) error {
	if in.Peek || !isPaced(info.TaskQueue) {
		return nil
	}
	err := a.Pace.Wait(ctx, activity.GetWorkerStopChannel(ctx), writes(at.Provider.Rotation == provider.NoRotation))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pace.ErrStopping):
		return retryIn(a.heldBack(ctx, at.Provider.Name, awaitsTurn, "load the grant of %s: %v; another worker takes it", at.Account, err), time.Second)
	}
	return err
}

const (
	// inTurn is how long a call still has the turn at the vault that its load has had.
	inTurn = 5 * time.Second
	// keepsTurn is how late a call may come for a turn of its own, and its first attempt for
	// that of its load: a busy server hands it out late.
	keepsTurn = 30 * time.Second
	// longestCallTurn is how far ahead a call is given a turn. Where the provider is away again
	// before it comes, the turn is lost to all.
	longestCallTurn = 10 * time.Minute
)

// takeTurn gives a call that was held up since its load a turn of its own at the vault: what
// held it up, such as a keyset or a provider that was away, held up many, which would come
// back at once. A call whose lost answer may still be had waits for none.
func (a *Activities) takeTurn(ctx context.Context, info activity.Info, at vault.Location, c *calling) error {
	now := time.Now()
	kept := inTurn
	if info.Attempt == 1 {
		kept = keepsTurn
	}
	if now.Sub(info.ScheduledTime) < kept || c.window(now).IsOpen(now) {
		return nil
	}
	if late := now.Sub(c.told.Turn); -time.Second < late && late < keepsTurn {
		return nil
	}
	pause, ok := a.Pace.TurnWithin(writes(c.loaded.NonRotating), longestCallTurn)
	if !ok {
		pause = spread(longestCallTurn)
		failure := a.heldBack(ctx, at.Provider.Name, awaitsTurn, "the refresh of %s was held up after its load, like so many that it asks again for a turn at the vault in %s; nothing was sent", at.Account, pause.Round(time.Second))
		return c.withoutRequest(ctx, failure, pause)
	}
	if pause < time.Second {
		return nil
	}
	c.told.Turn = now.Add(pause)
	failure := a.heldBack(ctx, at.Provider.Name, awaitsTurn, "the refresh of %s was held up after its load, and has its turn at the vault in %s; nothing was sent", at.Account, pause.Round(time.Second))
	return c.withoutRequest(ctx, failure, pause)
}

// storeInTurn lets a store begin whose pair is open, or gives it a turn: where something has
// held up many since their loads, they come together.
func (a *Activities) storeInTurn(ctx context.Context, issued RefreshResult) error {
	pause := a.Pace.Store(writes(!issued.Rotated))
	if pause <= pace.Brief {
		return wait(ctx, pause)
	}
	return retryIn(a.heldBack(ctx, issued.Account.Provider, awaitsTurn, "generation %d of %s has its turn at the vault in %s; its pair is in the history", issued.Provenance.Generation, issued.Account, pause.Round(time.Second)), pause)
}

// storeNow counts a store that waits for nothing.
func (a *Activities) storeNow(_ context.Context, issued RefreshResult) error {
	a.Pace.StoreNow(writes(!issued.Rotated))
	return nil
}

// longestTurn is how far ahead a peek is given a turn. More would have to wait than a vault
// answers within most providers' windows.
const longestTurn = 2 * time.Minute

// peekInTurn lets a peek begin. Where very many accounts are due at once, or come back after
// an outage, it is given a turn: beyond its quota a vault would answer none of them for ten
// seconds. A turn is kept to half of the window that may be open.
func (a *Activities) peekInTurn(ctx context.Context, info activity.Info, at vault.Location, in LoadInput) error {
	switch {
	case !in.Peek:
		return nil
	case in.Cancelled:
		a.Pace.PeekNow()
		return nil
	}
	now := time.Now()
	w := mayBeOpen(info, at.Provider.ReplayWindow)
	horizon := w.Wait(window.Retry, longestTurn, now)
	pause, ok := a.Pace.Peek(info.Attempt > 1, horizon)
	switch {
	case ok && pause <= pace.Brief:
		return wait(ctx, pause)
	case !ok && w.IsOpen(now) && horizon <= 2*pace.Brief && a.Pace.PeekLast():
		return nil
	case !ok:
		pause = spread(horizon)
	}
	return retryIn(a.heldBack(ctx, at.Provider.Name, awaitsTurn, "the first look at the grant of %s is in %s, because many accounts are due at once; nothing is spent", in.Account, pause.Round(time.Second)), pause)
}

func wait(ctx context.Context, pause time.Duration) error {
	if pause <= 0 {
		return nil
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// longestStorePause is the longest pause before another try of a store by itself; many
// that wait for one vault wait for their turns beyond it.
const longestStorePause = time.Minute

// laterStore says when a store that the vault has refused is tried again: after twice as
// long each time, and not all at once where many have waited for the vault. Their pairs are
// in their histories.
func (a *Activities) laterStore(info activity.Info, issued RefreshResult, err error) error {
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || failure.NonRetryable() || failure.Type() != vaultNotReady {
		return err
	}
	after := min(time.Second<<min(info.Attempt-1, 6), longestStorePause)
	return retryIn(err, a.Pace.Turn(writes(!issued.Rotated), spread(after)))
}
