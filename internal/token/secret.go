package token

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"unique"
)

const redacted = "[redacted]"

// Secret is a string that does not let itself be printed: not by fmt, not by
// slog, not by encoding/json, and not from within a struct's unexported field,
// where fmt finds a pointer. Only Reveal gives it away, so a search for Reveal
// finds every place where a secret leaves our hands.
//
// Secrets are equal when their values are.
type Secret struct{ value unique.Handle[string] }

// NewSecret wraps a value so that it cannot be printed by accident.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{unique.Make(value)}
}

// Reveal returns the value. Call it only where the value goes to the vault, to
// the provider or into an envelope.
func (s Secret) Reveal() string {
	if s.Empty() {
		return ""
	}
	return s.value.Value()
}

// Empty reports whether there is no value at all.
func (s Secret) Empty() bool { return s == Secret{} }

// Fingerprint identifies the secret without giving it away.
// The fingerprint of an empty secret is empty.
func (s Secret) Fingerprint() Fingerprint {
	if s.Empty() {
		return ""
	}
	sum := sha256.Sum256([]byte(s.Reveal()))
	return Fingerprint(hex.EncodeToString(sum[:8]))
}

// Format answers every verb alike, for fmt shows a struct's fields to the verbs
// that a Stringer does not cover, such as %d.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

func (s Secret) String() string               { return redacted }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Fingerprint is the first 16 hex digits of the SHA-256 of a token: enough to
// tell tokens apart in a log, a tag or a workflow's history, and useless to
// anyone who wants the token.
type Fingerprint string
