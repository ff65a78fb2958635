// Package token is the domain: what an account, a grant and a pair of tokens
// are, and how one refresh token descends from another. It imports none of the
// project's other packages and does nothing but describe.
//
// Terms are those of RFC 6749 and RFC 9700. Ours are three: the [Generation] of
// a refresh token, its [Fingerprint], and [Sealed] secrets.
package token

import "time"

// Generation counts how many times an account's refresh token has rotated in
// our care. It only grows; 0 is a token that a person put into the vault.
type Generation int

// Provenance says where a refresh token stands among the others of its
// account. It holds no secret and travels in the vault's tags and in workflow
// histories, so that two tokens can be ordered without knowing either.
type Provenance struct {
	Generation  Generation  `json:"generation"`
	Fingerprint Fingerprint `json:"fingerprint"`
	// Parent is the token that was spent to get this one; empty for the one
	// that a consent gave.
	Parent Fingerprint `json:"parent,omitempty"`
	// Consent is the first token of the line, the one that a person's consent
	// gave. Tokens of different consents are never parent and child.
	Consent Fingerprint `json:"consent"`
}

// Next is the provenance of the token that was issued for the one p describes.
func (p Provenance) Next(issued Fingerprint) Provenance {
	return Provenance{
		Generation:  p.Generation + 1,
		Fingerprint: issued,
		Parent:      p.Fingerprint,
		Consent:     p.Consent,
	}
}

// Client is an OAuth 2.0 client's identity at a provider (RFC 6749 section 2.3).
type Client struct {
	ID     string
	Secret Secret
}

// Pair is what a provider answers to one refresh.
type Pair struct {
	AccessToken Secret
	// RefreshToken is empty where the provider keeps the old one in force.
	RefreshToken Secret
	Issue
}

// Issue is what a provider's answer says beside the two tokens. It holds no
// secret and stands in workflow histories as it is.
type Issue struct {
	// UserID is the provider's id of the user; empty when the answer has none.
	UserID string   `json:"userId,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
	// Expiry of the access token; zero when the provider does not say.
	Expiry time.Time `json:"accessTokenExpiry,omitzero"`
	// ObtainedAt is when the answer had been read, by the worker's clock.
	ObtainedAt time.Time `json:"obtainedAt"`
	// Oversize is the length, in bytes, of an access token that is longer than
	// MaxLength and therefore not in the pair; zero otherwise.
	Oversize int `json:"oversize,omitempty"`
}

// Sealed is a secret inside the keyset's envelope: safe in a workflow's history.
type Sealed []byte
