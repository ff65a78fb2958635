package main

import (
	"context"
	"os"
	"time"

	"github.com/charmbracelet/x/term"

	"tokenkeeper/demo/live"
	"tokenkeeper/demo/scenario"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
)

// watch runs the system until the viewer has seen enough.
func watch(ctx context.Context, cli, keep string) error {
	s, err := system.Start(ctx, system.Options{
		CLI:        cli,
		Keep:       keep,
		UsualPorts: true,
		Cron:       "@every 20s",
		// Short, so that a viewer sees it count down; a refresh brings it back up.
		Provider: authserver.Options{AccessTokenLifetime: 5 * time.Minute},
		Progress: os.Stderr,
	})
	if err != nil {
		return whyStopped(ctx, err)
	}
	if err = show(ctx, s); ctx.Err() != nil {
		err = nil // to be told to stop is how this ends
	}
	tell("stopping")
	if stopErr := s.Stop(); err == nil {
		err = stopErr
	}
	return err
}

func show(ctx context.Context, s *system.System) error {
	tell("%s", s.CronCommand())
	if err := s.StartCron(ctx); err != nil {
		return err
	}
	observer := system.Observe(s)
	program := live.Program{
		Look:  observer.Look,
		Intro: []string{"The cron was started by the Temporal CLI (" + s.Temporal.CLI() + "):", "$ " + s.CronCommand().String()},
	}
	for _, sc := range scenario.All() {
		program.Acts = append(program.Acts, act(s, sc))
	}
	if term.IsTerminal(os.Stdin.Fd()) && term.IsTerminal(os.Stdout.Fd()) {
		return program.Show(ctx, os.Stdin, os.Stdout)
	}
	return program.Print(ctx, os.Stdout)
}

// act makes a scenario an entry of the menu that ends with a verdict.
func act(s *system.System, sc scenario.Scenario) live.Act {
	return live.Act{
		Title: sc.Title,
		Saved: sc.Saved,
		Play: func(ctx context.Context, say func(string)) (string, bool, error) {
			_, err := sc.Play(ctx, s, say)
			words, good := scenario.Verdict(s.Judge())
			return words, good, err
		},
	}
}
