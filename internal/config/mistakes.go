package config

import (
	"fmt"
	"slices"
	"strings"
)

// Error is everything that is wrong with the environment.
type Error struct {
	// Mistakes are sentences, each with a variable's name, what is wrong and the
	// fix, and none with a value that could be a secret.
	Mistakes []string
}

func (e *Error) Error() string {
	if len(e.Mistakes) == 1 {
		return "configuration: " + e.Mistakes[0]
	}
	return fmt.Sprintf("configuration: %d mistakes:\n  - %s", len(e.Mistakes), strings.Join(e.Mistakes, "\n  - "))
}

// mistakes collects what the checks find, so that one run names them all.
type mistakes struct{ found []string }

// add takes the variable's name and the rest of a sentence about it.
func (m *mistakes) add(variable, format string, args ...any) {
	m.found = append(m.found, variable+" "+fmt.Sprintf(format, args...))
}

// names reports whether something is known to be wrong with the variable, so
// that a value which is not of its type is not also called too small.
func (m *mistakes) names(variable string) bool {
	return slices.ContainsFunc(m.found, func(s string) bool { return strings.HasPrefix(s, variable+" ") })
}

func (m *mistakes) err() error {
	if len(m.found) == 0 {
		return nil
	}
	return &Error{m.found}
}

// shown quotes a value of a setting that is no secret. Whatever looks as if it
// had been pasted by mistake is described and not shown.
func shown(value string) string {
	if len(value) > 100 || strings.ContainsAny(value, "\n\r") || strings.Contains(value, "-----BEGIN") {
		return fmt.Sprintf("a text of %d characters", len(value))
	}
	return fmt.Sprintf("%q", value)
}
