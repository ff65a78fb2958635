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

// Secret is a string that fmt, slog and encoding/json cannot print, not even from
// a struct's unexported field, where fmt finds a pointer. Only Reveal returns the
// value, so a search for Reveal finds every place where a secret leaves the program.
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

// Reveal returns the value, for the vault, the provider or an envelope alone.
func (s Secret) Reveal() string {
	if s.Empty() {
		return ""
	}
	return s.value.Value()
}

// Empty reports whether there is no value at all.
func (s Secret) Empty() bool { return s == Secret{} }

// Fingerprint identifies the secret without revealing it; empty for an empty secret.
func (s Secret) Fingerprint() Fingerprint {
	if s.Empty() {
		return ""
	}
	return FingerprintOf(s.Reveal())
}

// FingerprintOf is the fingerprint of a text that may be a secret. Unlike that of a [Secret]
// it may be taken in workflow code.
func FingerprintOf(text string) Fingerprint {
	sum := sha256.Sum256([]byte(text))
	return Fingerprint(hex.EncodeToString(sum[:8]))
}

// Format writes the same for every verb: a Stringer does not cover those, such as
// %d, to which fmt shows a struct's fields.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

func (s Secret) String() string               { return redacted }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Fingerprint is the first 16 hex digits of a token's SHA-256: enough to tell tokens
// apart in a log, a tag or a history, and too little to recover one.
type Fingerprint string
