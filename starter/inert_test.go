package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"unicode"

	"github.com/stretchr/testify/require"

	"tokenkeeper/workflows"
)

// hostile has all that can act on a terminal: an escape sequence, one of a single byte, a
// bell, a carriage return, marks that reverse text, an invisible character beyond the basic
// plane, a byte that is no UTF-8, and lines that look like starter's own.
const hostile = "\x1b[2J\x1b]0;title\x07\u009b31m\rfine\u202eenif\u2066\U000E0041\xff\nWarning: forged\n\tStored: forged\u2028"

// safeOnATerminal wants printable characters and the ends of lines only.
func safeOnATerminal(t *testing.T, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%U at byte %d of %q", r, i, text)
		}
	}
}

func TestWhatIsPrintedActsOnNoTerminal(t *testing.T) {
	var out bytes.Buffer
	p := printer{out: terminalWriter{&out}, notes: terminalWriter{&out}, warnings: terminalWriter{&out}}
	p.say("text %s, stringer %v, typed %v, quoted %q, error %v", hostile, stringer(hostile), Health(hostile), hostile, errors.New(hostile))
	p.field("field", hostile)
	p.warn("%v", fmt.Errorf("wrapped: %w", errors.New(hostile)))
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	printRow(table, "ACCOUNT", "HEALTH")
	printRow(table, hostile, Health(hostile))
	require.NoError(t, table.Flush())
	(&prompter{prompt: p.warnings}).ask(hostile)
	safeOnATerminal(t, out.String())
	for text := range strings.SplitSeq(out.String(), "\n") {
		require.NotRegexp(t, `^(Warning: |\s?Stored: )forged`, text, "a line that is not starter's own")
	}
	require.Contains(t, out.String(), `\u001b[2J`, "what it was can be seen")
}

type stringer string

func (s stringer) String() string { return string(s) }

func TestLinesOfAnErrorAreIndentedAfterTheFirst(t *testing.T) {
	var out bytes.Buffer
	printLine(&out, "starter: %v", errors.Join(errors.New("one"), errors.New("two")))
	require.Equal(t, "starter: one\n  two\n", out.String())
}

func TestGiantTextsAreCutShort(t *testing.T) {
	giant := strings.Repeat("ä", 10<<20)
	var out bytes.Buffer
	printLine(&out, "%s", giant)
	require.Less(t, out.Len(), 2*longestLine+100)
	require.Regexp(t, `ä… \([0-9,]+ more characters\)\n$`, out.String())
	out.Reset()
	printLine(&out, "%v", errors.New(strings.Repeat("line\n", 10<<20)))
	require.Less(t, out.Len(), longestText+100)
	require.Equal(t, strings.Repeat("x", longestLine), line(strings.Repeat("x", longestLine)), "nothing is lost up to there")
}

func TestJSONStaysTheSameJSON(t *testing.T) {
	text := strings.ToValidUTF8(hostile, "?")
	want := []row{{Account: text, Provider: `\\` + text, LastFailure: &runFailure{Failure: workflows.Failure{Type: text, Message: text}}}}
	var out bytes.Buffer
	p := printer{out: terminalWriter{&out}}
	require.NoError(t, p.json(want))
	safeOnATerminal(t, out.String())
	var got []row
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Equal(t, want, got)
}

// A command that printed by itself would go around all of this.
func TestEverythingIsPrintedByOneFunction(t *testing.T) {
	for _, file := range sources(t) {
		if file.name == "manual.go" {
			continue // writes the manual's pages, and is no part of the program
		}
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			from, _ := selector.X.(*ast.Ident)
			if from == nil {
				return true
			}
			called := from.Name + "." + selector.Sel.Name
			prints := strings.HasPrefix(called, "fmt.Print") || strings.HasPrefix(called, "fmt.Fprint") && file.name != "print.go" ||
				strings.HasPrefix(called, "cmd.Print") || strings.HasPrefix(called, "root.Print") ||
				(called == "os.Stdout" || called == "os.Stderr") && file.name != "entry.go"
			require.Falsef(t, prints, "%s uses %s; use printLine", file.name, called)
			return true
		})
	}
}

type source struct {
	name   string
	syntax *ast.File
}

// sources are this package's files without its tests.
func sources(t *testing.T) (files []source) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		files = append(files, source{name, file})
	}
	require.NotEmpty(t, files)
	return files
}

// A terminal stays one behind what notes that an answer was written: --watch asks for it.
func TestTheTerminalIsFoundBehindTheAnswersWriter(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "terminal")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	require.Equal(t, f, terminalWriter{&answerWriter{w: f}}.file())
	require.Equal(t, f, terminalWriter{f}.file())
	require.Nil(t, terminalWriter{&answerWriter{w: io.Discard}}.file())
}
