// Package live shows a running system as it is, again and again, in a terminal
// ([Program.Show]) or as plain lines ([Program.Print]), and offers a menu of
// things to do to it.
package live

import (
	"context"
	"errors"
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
