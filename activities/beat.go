package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// beatPause is the pause between two heartbeats. A worker that has died is noticed
// after a few that did not come.
const beatPause = time.Second

// beat records a heartbeat each second until stop is called, with the given details,
// which may be nil. The first comes after a second: a heartbeat is a billed action, and
// most activities are over by then. It does not wait for the server, which may be away.
//
// The context that it returns is the one to work under; see uncut.
func beat(ctx context.Context, details func() any) (work context.Context, stop func()) {
	stopped := make(chan struct{})
	go func() {
		ticker := time.NewTicker(beatPause)
		defer ticker.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-ticker.C:
				record(ctx, details)
			}
		}
	}()
	work, end := uncut(ctx)
	return work, func() {
		close(stopped)
		end()
	}
}

// record sends or buffers one heartbeat, where any are expected. The SDK cancels an
// activity's context where a heartbeat gets no answer, and sends the next ones under that
// context; they are to be tried all the same, for Temporal may be back.
func record(ctx context.Context, details func() any) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case activity.GetInfo(ctx).HeartbeatTimeout == 0:
	case details == nil:
		activity.RecordHeartbeat(ctx)
	default:
		activity.RecordHeartbeat(ctx, details())
	}
}

// uncut is an activity's context for its work: it ends with the attempt's time, with the
// worker, or with a cancellation, but not because one heartbeat got no answer, which
// would stop a store between its two writes for a second without Temporal.
func uncut(ctx context.Context) (context.Context, context.CancelFunc) {
	work, end := context.WithDeadline(context.WithoutCancel(ctx), activity.GetInfo(ctx).Deadline)
	release := context.AfterFunc(ctx, func() {
		if ends(context.Cause(ctx)) {
			end()
		}
	})
	return work, func() {
		release()
		end()
	}
}

// ends reports whether the cause of a context's end ends the attempt: Temporal's own
// answers, the attempt's time, and the worker's end. The SDK cancels it for any other
// answer to a heartbeat as well.
func ends(cause error) bool {
	switch cause.(type) {
	case *temporal.CanceledError, *serviceerror.NotFound, *serviceerror.NamespaceNotFound, *serviceerror.NamespaceNotActive:
		return true
	}
	return slices.ContainsFunc([]error{activity.ErrActivityPaused, activity.ErrActivityReset, context.Canceled, context.DeadlineExceeded},
		func(end error) bool { return errors.Is(cause, end) })
}
