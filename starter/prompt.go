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

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/token"
)

// errNoInput answers a question where the input has ended.
var errNoInput = errors.New("the input has ended")

// prompter reads answers from a terminal or a pipe. Questions go to stderr, so
// that stdout holds answers only. Every read ends with its context.
type prompter struct {
	in     io.Reader
	lines  *bufio.Reader
	prompt io.Writer
}

func newPrompter(cmd *cobra.Command) *prompter {
	in := cmd.InOrStdin()
	return &prompter{in: in, lines: bufio.NewReader(in), prompt: cmd.ErrOrStderr()}
}

// ask prints a question and leaves the cursor behind it.
func (p *prompter) ask(question string) { _, _ = io.WriteString(p.prompt, line(question)) }

// readLine asks for one line.
func (p *prompter) readLine(ctx context.Context, question string) (string, error) {
	p.ask(question)
	return readContext(ctx, func() (string, error) {
		text, err := p.lines.ReadString('\n')
		if text == "" && errors.Is(err, io.EOF) {
			return "", errNoInput
		}
		return strings.TrimSpace(text), nil
	})
}

// readSecret asks for one line that the terminal does not show.
func (p *prompter) readSecret(ctx context.Context, question string) (token.Secret, error) {
	fd, ok := p.terminal()
	if !ok {
		text, err := p.readLine(ctx, question)
		return token.NewSecret(text), err
	}
	before, err := term.GetState(fd)
	if err != nil {
		return token.Secret{}, fmt.Errorf("ask without showing the answer: %w", err)
	}
	p.ask(question)
	text, err := readContext(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	printLine(p.prompt, "")
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // the abandoned read has switched the echo off
	}
	return token.NewSecret(strings.TrimSpace(string(text))), err
}

// readAll reads what is piped in, at most limit bytes and one more. At a terminal
// it reads one hidden line, or as many as the JSON takes that begins in it: the
// shell would show and remember the lines left unread.
func (p *prompter) readAll(ctx context.Context, question string, limit int64) (token.Secret, error) {
	if _, ok := p.terminal(); ok {
		text, err := readJSON(limit, func() (string, error) {
			line, err := p.readSecret(ctx, question)
			question = ""
			return line.Reveal(), err
		})
		return token.NewSecret(text), err
	}
	text, err := readContext(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(p.lines, limit+1)) })
	return token.NewSecret(string(text)), err
}

// terminal returns the terminal that is read from; not ok for pipes and files.
func (p *prompter) terminal() (fd int, ok bool) {
	f, isFile := p.in.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// readJSON reads a line, and further ones until JSON that begins with it is whole.
func readJSON(limit int64, line func() (string, error)) (string, error) {
	text, err := line()
	for err == nil && strings.HasPrefix(text, "{") && !json.Valid([]byte(text)) && int64(len(text)) <= limit {
		var next string
		if next, err = line(); err == nil {
			text += "\n" + next
		}
	}
	if errors.Is(err, io.EOF) && text != "" {
		err = nil // the parser reports what is missing
	}
	return text, err
}

// readContext does a read that cannot be interrupted, and abandons it when ctx ends.
func readContext[T any](ctx context.Context, read func() (T, error)) (T, error) {
	var value T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		value, err = read()
	}()
	select {
	case <-done:
		return value, err
	case <-ctx.Done():
		var none T
		return none, errInterrupted
	}
}

// askClient asks for the credentials of an app.
func (p *prompter) askClient(ctx context.Context) (client token.Client, err error) {
	if client.ID, err = p.readLine(ctx, "Client ID: "); err == nil {
		client.Secret, err = p.readSecret(ctx, "Client secret (not shown; empty for an app without one): ")
	}
	if errors.Is(err, errNoInput) || err == nil && client.ID == "" {
		err = errors.New("the app's client id and secret are missing; type them in, or use --client FILE")
	}
	if err != nil {
		return token.Client{}, err
	}
	return checkClient(client, "")
}

// readClient reads client_id:client_secret, which may be on two lines.
func (p *prompter) readClient(ctx context.Context, file string) (token.Client, error) {
	text, err := p.readFile(ctx, file, "client_id:client_secret (not shown): ")
	if err != nil {
		return token.Client{}, fmt.Errorf("--client: %w", err)
	}
	id, secret, found := strings.Cut(strings.Join(strings.Fields(strings.TrimPrefix(text.Reveal(), "\ufeff")), ":"), ":")
	if !found {
		return token.Client{}, errors.New("--client: it holds no client_id:client_secret; write the two with a colon or on two lines")
	}
	return checkClient(token.Client{ID: id, Secret: token.NewSecret(secret)}, "--client: ")
}

// checkClient reads credentials that were written by hand as the vault does.
func checkClient(client token.Client, where string) (token.Client, error) {
	id, err := token.ReadPastedText(client.ID)
	if err != nil {
		return token.Client{}, fmt.Errorf("%sthe client id %w", where, err)
	}
	secret := client.Secret.Reveal()
	if secret != "" { // a public client has none
		if secret, err = token.ReadPastedText(secret); err != nil {
			return token.Client{}, fmt.Errorf("%sthe client secret %w", where, err)
		}
	}
	return token.Client{ID: id, Secret: token.NewSecret(secret)}, nil
}

// readFile reads a file that holds a secret; - means stdin.
func (p *prompter) readFile(ctx context.Context, file, question string) (token.Secret, error) {
	if file == "-" {
		return p.readAll(ctx, question, consent.MaxTokens)
	}
	f, err := os.Open(file)
	if err != nil {
		return token.Secret{}, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, consent.MaxTokens+1))
	return token.NewSecret(string(text)), err
}
