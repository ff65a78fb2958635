package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// beatPause is the pause between two heartbeats. A worker that has died is noticed
// after a few that did not come.
const beatPause = time.Second

// beat records a heartbeat each second until stop is called, with the given details,
// which may be nil. The first comes after a second: a heartbeat is a billed action, and
// most activities are over by then. It does not wait for the server, which may be away.
func beat(ctx context.Context, details func() any) (stop func()) {
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
	return func() { close(stopped) }
}

func record(ctx context.Context, details func() any) {
	if details == nil {
		activity.RecordHeartbeat(ctx)
		return
	}
	activity.RecordHeartbeat(ctx, details())
}
