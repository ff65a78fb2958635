package provider

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what an answer says beside the tokens. It stands in histories, tags and on
// terminals.
const (
	maxText   = 200 // bytes of a user id, and of a scope
	maxScopes = 100
	// shortToken is the length below which a token may be in a text by chance.
	shortToken = 8
)

// harmless returns a text of an answer as it is, or nothing where it could not be shown
// or stored: it is too long, has characters that cannot be printed, or holds one of the
// secrets.
func harmless(text string, secrets []string) string {
	if !isPrintable(text, maxText) {
		return ""
	}
	for _, secret := range secrets {
		if text == secret || len(secret) >= shortToken && strings.Contains(text, secret) {
			return ""
		}
	}
	return text
}

// harmlessAll keeps the texts that are harmless, at most maxScopes of them.
func harmlessAll(texts, secrets []string) []string {
	kept := make([]string, 0, min(len(texts), maxScopes))
	for _, text := range texts {
		if text = harmless(text, secrets); text != "" && len(kept) < maxScopes {
			kept = append(kept, text)
		}
	}
	return kept
}

// isPrintable reports whether a text has at most so many bytes, all of characters that a
// terminal shows and does not obey.
func isPrintable(text string, most int) bool {
	return len(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
