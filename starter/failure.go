package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
)

// failureDocument is a command's failure as --output json prints it.
type failureDocument struct {
	Kind    failureKind `json:"kind"`
	Message string      `json:"message"`
	// Fix is the part of the message that says what to do: errors state the cause before
	// their first semicolon, and after it one fix or several. It is absent where a message
	// has several lines.
	Fix      string `json:"fix,omitempty"`
	ExitCode int    `json:"exitCode"`
}

type failureKind string

const (
	kindFailed         failureKind = "failed"
	kindUsage          failureKind = "usage"
	kindConfiguration  failureKind = "configuration"
	kindNeedsAttention failureKind = "needs-attention"
	kindInterrupted    failureKind = "interrupted"
)

func kindOf(err error) failureKind {
	var configuration *config.Error
	switch exitCode(err) {
	case 2:
		if errors.As(err, &configuration) {
			return kindConfiguration
		}
		return kindUsage
	case 3:
		return kindNeedsAttention
	case 130:
		return kindInterrupted
	}
	return kindFailed
}

// describeFailure returns nil for no error.
func describeFailure(err error) *failureDocument {
	if err == nil {
		return nil
	}
	message := lines(err.Error())
	return &failureDocument{Kind: kindOf(err), Message: message, Fix: fixOf(message), ExitCode: exitCode(err)}
}

func fixOf(message string) string {
	if strings.Contains(message, "\n") {
		return ""
	}
	_, fix, _ := strings.Cut(message, "; ")
	return fix
}

// narration is the document of a command that has none of its own: what it said. It also
// holds the failure of any command that ended without an answer.
type narration struct {
	mu       sync.Mutex
	on       bool
	messages []string
}

// narrated is a narration's document.
type narrated struct {
	Command  string           `json:"command"`
	Account  string           `json:"account,omitempty"`
	Provider string           `json:"provider,omitempty"`
	Messages []string         `json:"messages,omitempty"`
	Error    *failureDocument `json:"error,omitempty"`
}

type narrationKey struct{}

// narrationOf returns nil where the context has none.
func narrationOf(ctx context.Context) *narration {
	told, _ := ctx.Value(narrationKey{}).(*narration)
	return told
}

// longestNarration bounds the lines of a document: what concerns thousands of accounts has
// a document of its own.
const longestNarration = 1000

// Write takes what a command says, one or more whole lines.
func (n *narration) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for text := range strings.Lines(string(p)) {
		if text = strings.TrimSpace(text); text != "" && len(n.messages) < longestNarration {
			n.messages = append(n.messages, text)
		}
	}
	return len(p), nil
}

func (n *narration) document(cmd *cobra.Command, err error) narrated {
	d := narrated{Command: cmd.CommandPath(), Messages: slices.Clone(n.messages), Error: describeFailure(err)}
	if account := cmd.Flags().Lookup("account"); account != nil && cmd.Flags().Lookup("accounts") == nil || account != nil && account.Changed {
		d.Account, d.Provider = account.Value.String(), cmd.Flags().Lookup("provider").Value.String()
	}
	return d
}

// asksForJSON reports whether the answer is to be JSON. args are those of a command line
// whose flags may not have been read, for a mistake among them.
func asksForJSON(cmd *cobra.Command, args []string) bool {
	if output := cmd.Flags().Lookup("output"); output != nil && output.Changed {
		return output.Value.String() == "json"
	}
	for i, arg := range args {
		if arg == "--output=json" || arg == "--output" && i+1 < len(args) && args[i+1] == "json" {
			return true
		}
	}
	return false
}

// answerWriter knows whether an answer has been written.
type answerWriter struct {
	w       io.Writer
	written bool
}

func (a *answerWriter) Write(p []byte) (int, error) {
	a.written = a.written || len(p) > 0
	return a.w.Write(p)
}
