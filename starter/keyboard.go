package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tokenkeeper/internal/token"
)

// errNoInput is what a question ends with where nobody can answer it.
var errNoInput = errors.New("the input has ended")

// prompter asks a person, or reads what a program pipes in. Questions go to
// stderr, so that stdout holds answers only. Every read ends with the context.
type prompter struct {
	in     io.Reader
	lines  *bufio.Reader
	prompt io.Writer
}

func newPrompter(cmd *cobra.Command) *prompter {
	in := cmd.InOrStdin()
	return &prompter{in: in, lines: bufio.NewReader(in), prompt: cmd.ErrOrStderr()}
}

// terminal is the terminal that a person types at; not ok for pipes and files.
func (k *prompter) terminal() (fd int, ok bool) {
	f, isFile := k.in.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// readLine asks for one line.
func (k *prompter) readLine(ctx context.Context, question string) (string, error) {
	_, _ = fmt.Fprint(k.prompt, question)
	return readContext(ctx, func() (string, error) {
		text, err := k.lines.ReadString('\n')
		if text == "" && errors.Is(err, io.EOF) {
			return "", errNoInput
		}
		return strings.TrimSpace(text), nil
	})
}

// readSecret asks for one line that the terminal does not show.
func (k *prompter) readSecret(ctx context.Context, question string) (token.Secret, error) {
	fd, ok := k.terminal()
	if !ok {
		text, err := k.readLine(ctx, question)
		return token.NewSecret(text), err
	}
	before, err := term.GetState(fd)
	if err != nil {
		return token.Secret{}, fmt.Errorf("ask without showing the answer: %w", err)
	}
	_, _ = fmt.Fprint(k.prompt, question)
	text, err := readContext(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	_, _ = fmt.Fprintln(k.prompt)
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // the abandoned read would leave it mute
	}
	return token.NewSecret(strings.TrimSpace(string(text))), err
}

// readAll reads what is piped in, at most limit bytes and one more; at a terminal it
// is one hidden line, or as many as JSON takes that begins in it: lines that were
// left unread would be the shell's, which shows and remembers them.
func (k *prompter) readAll(ctx context.Context, question string, limit int64) (token.Secret, error) {
	if _, ok := k.terminal(); ok {
		text, err := readJSON(limit, func(first bool) (string, error) {
			if !first {
				question = ""
			}
			line, err := k.readSecret(ctx, question)
			return line.Reveal(), err
		})
		return token.NewSecret(text), err
	}
	text, err := readContext(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(k.lines, limit+1)) })
	return token.NewSecret(string(text)), err
}

// readJSON reads a line, and further ones until JSON that begins with it is whole.
func readJSON(limit int64, line func(first bool) (string, error)) (string, error) {
	text, err := line(true)
	for err == nil && strings.HasPrefix(text, "{") && !json.Valid([]byte(text)) && int64(len(text)) <= limit {
		var next string
		if next, err = line(false); err == nil {
			text += "\n" + next
		}
	}
	if errors.Is(err, io.EOF) && text != "" {
		err = nil // whoever reads it says what is missing
	}
	return text, err
}

// readContext does a read that nothing can interrupt, and leaves it behind when ctx ends.
func readContext[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errInterrupted
	}
}
