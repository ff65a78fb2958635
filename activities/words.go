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
// A call's own words are shorter; those of a result that was completed by hand need not be.
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

// CheckIssue returns what is wrong with the words that come with a pair. Workflow code may
// call it.
func CheckIssue(i token.Issue) string {
	if len(i.Scopes) > mostScopes {
		return fmt.Sprintf("has more than %d scopes", mostScopes)
	}
	if slices.ContainsFunc(wordsOf(i), func(text string) bool { return !IsWord(text) }) {
		return fmt.Sprintf("has words that are longer than %d bytes or cannot be printed", longestWord)
	}
	return ""
}

func wordsOf(i token.Issue) []string {
	return append([]string{i.UserID, i.AccessProblem, i.RefreshProblem}, i.Scopes...)
}

// checkWords is CheckIssue, and refuses a token of the provenance among the words.
func checkWords(i token.Issue, p token.Provenance) string {
	if slices.ContainsFunc(wordsOf(i), func(text string) bool { return isToken(text, p) }) {
		return "has a token among its words"
	}
	return CheckIssue(i)
}

func isToken(text string, p token.Provenance) bool {
	f := token.NewSecret(text).Fingerprint()
	return f != "" && (f == p.Fingerprint || f == p.Parent)
}

// shown is an answer's issue with the words that checkWords takes only: no pair is lost to
// the others.
func shown(i token.Issue, p token.Provenance) token.Issue {
	keep := func(text string) bool { return IsWord(text) && !isToken(text, p) }
	if !keep(i.UserID) {
		i.UserID = ""
	}
	i.Scopes = slices.DeleteFunc(slices.Clone(i.Scopes), func(scope string) bool { return !keep(scope) })
	i.Scopes = i.Scopes[:min(len(i.Scopes), mostScopes)]
	return i
}
