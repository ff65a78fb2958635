package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Texts from a provider, the vault, a file or a workflow's result must not act on the
// terminal that they are shown on: an escape sequence can hide or forge lines, and some
// terminals run what one asks for. Two rules see to that, and everything goes through both:
// [terminalWriter] passes printable characters only, and [line] and [lines] keep a
// text that came from elsewhere from beginning a line of its own.

const (
	// longestLine bounds one text in one line, in characters. The longest of our own, a
	// failure with a provider's advice, has about half as many.
	longestLine = 10_000
	// longestText bounds a text of several lines, such as an error with one line for each
	// mistake in a file.
	longestText = 60_000
)

// terminalWriter shows what is written to it as text, whatever it is. Everything that is not
// printable, but for the ends of lines, becomes the escape that JSON has for it; so
// JSON stays the same JSON.
type terminalWriter struct{ w io.Writer }

func (t terminalWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(t.w, escapeControls(string(p), '\n', '\t')); err != nil {
		return 0, err
	}
	return len(p), nil
}

// file is the terminal or file that is written to; nil for any other writer.
func (t terminalWriter) file() *os.File {
	w := t.w
	if answer, ok := w.(*answerWriter); ok {
		w = answer.w
	}
	f, _ := w.(*os.File)
	return f
}

// escapeControls replaces all that is not printable (control characters, the marks that
// reverse the direction of text, invisible characters, what is not UTF-8), but for those
// allowed.
func escapeControls(text string, allowed ...rune) string {
	harmless := func(r rune) bool { return unicode.IsPrint(r) || strings.ContainsRune(string(allowed), r) }
	if !strings.ContainsFunc(text, func(r rune) bool { return !harmless(r) }) {
		return strings.ToValidUTF8(text, string(unicode.ReplacementChar))
	}
	var b strings.Builder
	for _, r := range text { // what is not UTF-8 comes as U+FFFD, which is printable
		switch high, low := utf16.EncodeRune(r); {
		case harmless(r):
			b.WriteRune(r)
		case r > 0xffff:
			b.WriteString(fmt.Sprintf(`\u%04x\u%04x`, high, low))
		default:
			b.WriteString(fmt.Sprintf(`\u%04x`, r))
		}
	}
	return b.String()
}

// line is a text as part of one line.
func line(text string) string {
	return shorten(escapeControls(shorten(text, longestText)), longestLine)
}

// lines is a text of several lines, of which all but the first are indented: only what
// starter itself has to say begins at the margin.
func lines(text string) string {
	split := strings.Split(shorten(asCalled(text), longestText), "\n")
	for i := range split {
		split[i] = line(split[i])
	}
	return shorten(strings.Join(split, "\n  "), longestText)
}

func shorten(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	all := []rune(text)
	if len(all) <= longest {
		return text
	}
	return fmt.Sprintf("%s… (%s more characters)", string(all[:longest]), grouped(len(all)-longest))
}

// inert are the arguments of a format, with every text as part of one line. An error may
// have several.
func inert(args []any) []any {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch value := arg.(type) {
		case error:
			safe[i] = lines(value.Error())
		case fmt.Stringer:
			safe[i] = line(value.String())
		default:
			if safe[i] = arg; reflect.ValueOf(arg).Kind() == reflect.String {
				safe[i] = line(reflect.ValueOf(arg).String())
			}
		}
	}
	return safe
}
