// Package live shows a running system as it is, again and again, in a terminal
// ([Program.Show]) or as plain lines ([Program.Print]), and offers a menu of
// things to do to it.
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

// lookEvery is how often the system is looked at.
const lookEvery = 500 * time.Millisecond

// Program is what to show and what to offer.
type Program struct {
	// Look tells how the system is now. It is not called twice at once.
	Look func(context.Context) system.Snapshot
	// Acts are the menu, numbered from 1. There are at most nine.
	Acts []Act
	// Intro is said at the start.
	Intro []string
}

// Act is something to do to the system.
type Act struct {
	Title string // for the menu
	Saved string // what saves the token, a clause without its full stop
	// Play does it, says what happens, and judges what is left. It returns soon
	// after its context has ended.
	Play func(ctx context.Context, say func(line string)) (verdict string, good bool, err error)
}

// Show takes over the terminal until the viewer quits or ctx ends. No act is
// still playing when it returns.
func (p Program) Show(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	var playing sync.WaitGroup
	defer playing.Wait()
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
	told := map[string]bool{}
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
			if run.Ended.IsZero() || told[run.ID] {
				continue
			}
			told[run.ID] = true
			_, err := fmt.Fprintf(out, "%s  (refreshes %d, tokens lost %d)\n", runRow(run, run.Ended), s.Refreshes, s.LostTokens)
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}
