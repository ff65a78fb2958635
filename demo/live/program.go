// Package live shows a running system in a terminal, with a menu of acts that
// break it ([Program.Show]), or as plain lines ([Program.Print]).
package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"tokenkeeper/demo/system"
)

// snapshotEvery is the pause between two snapshots.
const snapshotEvery = 500 * time.Millisecond

// Program is what to show and what to offer.
type Program struct {
	// Look returns the state of the system. Calls do not overlap.
	Look func(context.Context) system.Snapshot
	// Acts are the menu, numbered from 1. There are at most nine.
	Acts []Act
	// Intro is shown at the start.
	Intro []string
}

// Act is something to do to the system.
type Act struct {
	Title string // for the menu
	Saved string // what saves the token, a clause without its full stop
	// Play carries the act out, says what happens, and checks what is left. It
	// returns soon after its context has ended. Calls do not overlap.
	Play func(ctx context.Context, say func(line string)) (verdict string, good bool, err error)
}

// Show takes over the terminal until the user quits or ctx ends. No act is
// still playing when it returns.
func (p Program) Show(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	var playing sync.RWMutex
	defer playing.Lock() // waits for the act that plays, and keeps any other from beginning
	defer cancel()
	program := tea.NewProgram(newModel(ctx, p, &playing), tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out),
		tea.WithAltScreen(), tea.WithoutSignalHandler()) // signals end ctx
	_, err := program.Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// Print writes a line for every run that ends, until ctx ends. There is no menu.
func (p Program) Print(ctx context.Context, out io.Writer) error {
	for _, text := range p.Intro {
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	printed := map[string]bool{}
	for first := true; ; first = false {
		s := p.Look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if first {
			for _, part := range s.Parts {
				_, _ = fmt.Fprintf(out, "%-9s %s\n", part.Name, part.Where)
			}
		}
		for i := len(s.Runs) - 1; i >= 0; i-- {
			run := s.Runs[i]
			if run.Ended.IsZero() || printed[run.ID] {
				continue
			}
			printed[run.ID] = true
			_, err := fmt.Fprintf(out, "%s  (refreshes %d, tokens lost %d)\n", runRow(run, run.Ended), s.Refreshes, s.LostTokens)
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(snapshotEvery):
		}
	}
}
