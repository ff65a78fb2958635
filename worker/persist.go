package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// persist repeats what a service that is away keeps from succeeding, and says so
// each time. It ends with success, with an error that do calls final, or with ctx.
func persist(ctx context.Context, log *slog.Logger, complaint string, do func() (final bool, err error)) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		final, err := do()
		if err == nil || final {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("stopped while waiting: %w", ctx.Err())
		}
		log.Error(complaint, "error", err, "againIn", pause.String())
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
