// Command screenshot takes the README's picture: the Web UI's page of a run that
// the demo's system has just made. It needs Chromium.
//
//	go run ./demo/screenshot docs/images/run.png
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"tokenkeeper/demo/browser"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/testenv/temporal"
)

// The window, in pixels: down to the end of the timeline. Below it come events
// that name the machine.
const (
	width  = 1400
	height = 1110
)

func main() {
	if len(os.Args) != 2 {
		_, _ = fmt.Fprintln(os.Stderr, "usage: screenshot FILE.png")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := take(ctx, os.Args[1])
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "screenshot:", err)
		os.Exit(1)
	}
}

func take(ctx context.Context, file string) (err error) {
	cli, err := temporal.FindOrBuild(ctx, os.Stderr)
	if err != nil {
		return err
	}
	window, err := browser.Open(ctx, width, height)
	if err != nil {
		return err
	}
	defer window.Close()
	s, err := system.Start(ctx, system.Options{CLI: cli, Cron: "@every 1h", Progress: os.Stderr})
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := s.Stop(); err == nil {
			err = stopErr
		}
	}()
	page, err := refresh(ctx, s)
	if err != nil {
		return err
	}
	if _, err := window.Read(page+"/history", "Completed", "StoreSecrets", `"outcome": "refreshed"`); err != nil {
		return err
	}
	png, err := window.Picture()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, png, 0o644)
}

// refresh makes a few runs, none of which waits for the cron, and returns the
// page of the last one.
func refresh(ctx context.Context, s *system.System) (page string, err error) {
	for range 3 {
		id, err := s.RefreshNow(ctx)
		if err != nil {
			return "", err
		}
		run, err := s.AwaitRefresh(ctx, id)
		if err != nil {
			return "", err
		}
		page = s.PageURL() + "/" + run.ID
	}
	return page, nil
}
