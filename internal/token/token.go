// Package token describes the domain: an [Account], a [Pair] of tokens, and how
// one refresh token descends from another. It imports none of the project's other
// packages.
//
// Terms are those of RFC 6749 and RFC 9700. Three are the project's own: the
// [Generation] of a refresh token, its [Fingerprint], and [Sealed] secrets.
package token

import "time"

// Generation counts how often an account's refresh token has rotated since it
// came into the vault. It only grows; 0 is the first consent's token.
type Generation int

// Provenance places a refresh token among the others of its account. It holds no
// secret and travels in the vault's tags and in workflow histories, so that two
// tokens can be ordered without reading either.
type Provenance struct {
	Generation  Generation  `json:"generation"`
	Fingerprint Fingerprint `json:"fingerprint"`
	// Parent is the token that was spent to get this one; empty for a consent's.
	Parent Fingerprint `json:"parent,omitempty"`
	// Consent is the first token of the lineage, the one that a consent gave. Tokens
	// of different consents are never parent and child.
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

// Pair is what a provider issues for one refresh or consent.
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
	// RefreshEnds is when the refresh token ends unless it is refreshed before, and
	// GrantEnds when the grant ends whatever is done; zero when unknown.
	RefreshEnds time.Time `json:"refreshTokenEnds,omitzero"`
	GrantEnds   time.Time `json:"grantEnds,omitzero"`
	// ObtainedAt is when the answer had been read, by the worker's clock.
	ObtainedAt time.Time `json:"obtainedAt"`
	// AccessProblem and RefreshProblem are CheckValue's words for a token of the answer
	// that can be stored nowhere, and is therefore not in the pair; empty otherwise.
	AccessProblem  string `json:"accessTokenProblem,omitempty"`
	RefreshProblem string `json:"refreshTokenProblem,omitempty"`
}

// Sealed is a secret encrypted by package seal: safe in a workflow's history.
type Sealed []byte
