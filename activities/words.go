package activities

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tokenkeeper/internal/token"
)

// Bounds on what a result says in words, which stands in histories, tags and on terminals.
// A call's own words are shorter; those of a result that was completed by hand, or by a worker
// of an older version, need not be.
const (
	longestWord = 512
	mostScopes  = 200
	// MaxGeneration is beyond what an account can reach in a thousand years.
	MaxGeneration = 1_000_000_000
)

// IsWord reports whether a terminal shows a text and does not obey it, and whether it has
// at most 512 bytes.
func IsWord(text string) bool {
	return len(text) <= longestWord && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// CheckProvenance returns what is wrong with a provenance as the end of a sentence, or
// nothing.
func CheckProvenance(p token.Provenance) string {
	switch {
	case p.Generation < 0 || p.Fingerprint == "" || p.Consent == "":
		return "has no provenance"
	case p.Generation > MaxGeneration:
		return fmt.Sprintf("names a generation above %d", MaxGeneration)
	case !IsWord(string(p.Fingerprint)) || !IsWord(string(p.Parent)) || !IsWord(string(p.Consent)):
		return "has a fingerprint that is none"
	}
	return ""
}

func isToken(text string, p token.Provenance) bool {
	f := token.FingerprintOf(text)
	return text != "" && (f == p.Fingerprint || f == p.Parent)
}

// Shown is the result with the words only that a history, a tag and a terminal may show: no
// pair is lost to the others, which a worker of an older version may have let through.
// Workflow code may call it.
func (r RefreshResult) Shown() RefreshResult {
	r.Issue = shown(r.Issue, r.Provenance)
	return r
}

func shown(i token.Issue, p token.Provenance) token.Issue {
	keep := func(text string) bool { return IsWord(text) && !isToken(text, p) }
	if !keep(i.UserID) {
		i.UserID = ""
	}
	for _, problem := range []*string{&i.AccessProblem, &i.RefreshProblem} {
		if !keep(*problem) {
			*problem = "cannot be stored"
		}
	}
	i.Scopes = slices.DeleteFunc(slices.Clone(i.Scopes), func(scope string) bool { return !keep(scope) })
	i.Scopes = i.Scopes[:min(len(i.Scopes), mostScopes)]
	return i
}
