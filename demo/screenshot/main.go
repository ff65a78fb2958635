// Command screenshot takes the pictures of README.md and docs/operations.md: the Web UI's
// pages of runs that the demo's system has just made. It needs Chromium.
//
//	go run ./demo/screenshot docs/images
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"tokenkeeper/demo/browser"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/workflows"
)

// The windows, in pixels: of a history down to the end of the timeline, below which come
// events that name the machine, and of a run's words down to their end.
const (
	width       = 1400
	history     = 1110
	words       = 560
	largestFile = 150 << 10
)

func main() {
	if len(os.Args) != 2 {
		_, _ = fmt.Fprintln(os.Stderr, "usage: screenshot FOLDER")
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

func take(ctx context.Context, folder string) (err error) {
	cli, err := temporal.FindOrBuild(ctx, os.Stderr)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	s, err := system.Start(ctx, system.Options{CLI: cli, Cron: "@every 1h", Progress: os.Stderr})
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := s.Stop(); err == nil {
			err = stopErr
		}
	}()
	c := camera{s, folder}
	for _, picture := range []func(context.Context) error{c.healthy, c.stuck, c.needsConsent} {
		if err := picture(ctx); err != nil {
			return err
		}
	}
	return nil
}

// camera takes pictures of a system's runs.
type camera struct {
	*system.System
	folder string
}

// healthy makes a few runs, none of which waits for the cron.
func (c camera) healthy(ctx context.Context) (err error) {
	if err := c.StartCron(ctx); err != nil {
		return err
	}
	var run system.Run
	for range 3 {
		if run.ID, err = c.RefreshNow(ctx); err != nil {
			return err
		}
		if run, err = c.AwaitRefresh(ctx, run.ID); err != nil {
			return err
		}
	}
	if err := c.picture(ctx, "run.png", run.ID+"/history", history, "Completed", "StoreSecrets", `"outcome": "refreshed"`); err != nil {
		return err
	}
	return c.picture(ctx, "run-healthy.png", run.ID+"/user-metadata", words, "Completed", "is in the vault (refreshed).")
}

// stuck has the vault refuse a pair that the provider has issued, and says that the run is
// overdue as a worker does after ten minutes.
func (c camera) stuck(ctx context.Context) error {
	if err := c.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true}); err != nil {
		return err
	}
	id, err := c.RefreshNow(ctx)
	if err != nil {
		return err
	}
	if err := system.Wait(ctx, func() bool { return c.Provider.Held(testenv.UserOf(system.Account.Name)) > 0 }); err != nil {
		return err
	}
	c.Vault.Inject(keyvault.Fault{Kind: keyvault.ReadOnly, Operation: keyvault.OpWrites})
	c.Provider.Release("")
	if err := c.AwaitBackoff(ctx, id, "StoreSecrets"); err != nil {
		return err
	}
	workflow := []string{"--workflow-id", workflows.ID(system.Account), "--address", c.Temporal.Address()}
	if _, err := c.Exec(ctx, append(system.Command{"workflow", "signal", "--name", workflows.Overdue}, workflow...)); err != nil {
		return err
	}
	told := system.Wait(ctx, func() bool {
		metadata, err := c.Exec(ctx, append(system.Command{"workflow", "metadata"}, workflow...))
		return err == nil && bytes.Contains(metadata, []byte("goes on trying"))
	})
	if told != nil {
		return told
	}
	if err := c.picture(ctx, "run-stuck.png", id+"/user-metadata", words, "Running", "goes on trying"); err != nil {
		return err
	}
	c.Vault.ClearFaults()
	_, err = c.AwaitRefresh(ctx, id)
	return err
}

// needsConsent ends the consent at the provider.
func (c camera) needsConsent(ctx context.Context) error {
	if err := c.Revoke(ctx, system.Account.Name); err != nil {
		return err
	}
	id, err := c.RefreshNow(ctx)
	if err != nil {
		return err
	}
	if _, err := c.Await(ctx, id); err != nil {
		return err
	}
	return c.picture(ctx, "run-needs-consent.png", id+"/history", words, "Failed", workflows.ReauthorizationRequired)
}

// picture keeps a run's page once it shows all the texts.
func (c camera) picture(ctx context.Context, file, page string, height int, texts ...string) error {
	window, err := browser.Open(ctx, width, height)
	if err != nil {
		return err
	}
	defer window.Close()
	if _, err := window.Read(c.PageURL()+"/"+page, texts...); err != nil {
		return err
	}
	taken, err := window.Picture()
	if err != nil {
		return err
	}
	small, err := inFewColours(taken)
	if err == nil && len(small) > largestFile {
		err = fmt.Errorf("%d bytes; a picture in the repository has %d at most", len(small), largestFile)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(filepath.Join(c.folder, file), small, 0o644)
}
