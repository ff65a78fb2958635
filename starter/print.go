package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// printer writes everything that a command prints.
type printer struct {
	out      io.Writer // what was asked for
	notes    io.Writer // progress and hints; not stdout under --output json
	warnings io.Writer

	webUI     string // base URL; empty where it is not known
	namespace string
}

func newPrinter(cmd *cobra.Command) printer {
	p := printer{out: cmd.OutOrStdout(), notes: cmd.OutOrStdout(), warnings: cmd.ErrOrStderr()}
	if told := narrationOf(cmd.Context()); told != nil && told.on {
		p.notes = io.MultiWriter(told, p.warnings)
	}
	return p
}

// jsonOutput keeps everything but the answer off stdout.
func (p *printer) jsonOutput() { p.notes = p.warnings }

func (p *printer) say(format string, args ...any) { printLine(p.notes, format, args...) }

// printLine writes a line, and is the only way to one: each text among the arguments
// stays within it, see [inert].
func printLine(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", inert(args)...)
}

// printRow writes the cells of a table's row to a [tabwriter.Writer].
func printRow(w *tabwriter.Writer, cells ...any) {
	printLine(w, strings.TrimSuffix(strings.Repeat("%v\t", len(cells)), "\t"), cells...)
}

// field prints an indented line, and nothing for an empty value.
func (p *printer) field(name, value string) {
	if value != "" {
		p.say("  %-9s %s", name, value)
	}
}

func (p *printer) warn(format string, args ...any) {
	printLine(p.warnings, "Warning: "+format, args...)
}

func (p *printer) json(v any) error {
	encoder := json.NewEncoder(p.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// link is the address of a page in the Web UI; empty where that is not known.
func (p *printer) link(kind string, path ...string) string {
	if p.webUI == "" {
		return ""
	}
	link := p.webUI + "/namespaces/" + url.PathEscape(p.namespace) + "/" + kind
	for _, part := range path {
		link += "/" + url.PathEscape(part)
	}
	return link
}

var unquoted = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shell is a command line that a POSIX shell reads back as these words.
func shell(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if !unquoted.MatchString(w) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

// when formats a time twice: absolute, and from now.
func when(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	stamp := t.UTC().Format("2006-01-02 15:04:05 MST")
	if t.After(now) {
		return stamp + ", in " + span(t.Sub(now))
	}
	return stamp + ", " + span(now.Sub(t)) + " ago"
}

// span formats a duration in its two largest units.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	d = d.Round(time.Second)
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
