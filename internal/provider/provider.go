// Package provider knows the OAuth 2.0 providers and how to refresh at them.
//
// A provider is data: a [Provider] in a [Table], built in or read from a file by
// [Table.Override]. Where its answers are not RFC 6749's, its [Dialect]
// translates them. [Client.Refresh] spends a refresh token in exactly one POST,
// and [Classify] decides what the answer means: a new pair, or a [Failure] whose
// [Kind] says what to do next.
//
// Providers echo tokens in their error bodies, so nothing from a body ever
// reaches an error: every word of a [Failure] is this package's own.
package provider

import (
	"strings"
	"time"
	"unicode"

	"tokenkeeper/internal/token"
)

// Provider is what there is to know of an OAuth 2.0 provider. Values come from a
// [Table], which has checked them, and are not to be modified.
type Provider struct {
	// Name is how accounts, flags and files call it, such as "google-health":
	// lower-case letters, digits and single hyphens.
	Name string
	// Title is how people call it, such as "Google Health".
	Title string

	// The endpoints: https, or http on loopback. Only TokenURL is always there;
	// AuthURL and TokenURL are RFC 6749's, RevokeURL is RFC 7009's and
	// IntrospectURL RFC 7662's.
	AuthURL       string
	TokenURL      string
	RevokeURL     string
	IntrospectURL string

	AuthStyle  AuthStyle
	Revocation Revocation
	Rotation   Rotation
	// ReplayWindow is how long the provider repeats its answer to a refresh
	// token that is already spent. Zero: it never does, and a lost answer is a
	// lost grant.
	ReplayWindow time.Duration
	// AccessTokenLifetime is what the provider documents; an answer's own
	// expires_in outranks it.
	AccessTokenLifetime time.Duration
	// RenewsWithin is how near its end an access token must be for a refresh to
	// give another one; before that the answer repeats it. Zero: any refresh does.
	RenewsWithin time.Duration

	// GrantEnds says why a grant may be over although nobody revoked it, as a whole
	// clause; empty where there is nothing special to know.
	GrantEnds string

	// Scopes are what a consent asks for unless a person says otherwise.
	Scopes []string
	// AuthParams go into the authorization URL beside the standard ones, and
	// RefreshParams into the form of every refresh.
	AuthParams    map[string]string
	RefreshParams map[string]string

	Dialect Dialect
	// RateLimitResetHeader names the header with the seconds until the rate
	// limit starts over, where it is not the usual RateLimit-Reset.
	RateLimitResetHeader string
	Status               Status
}

// AuthStyle says where a confidential client puts its id and secret (RFC 6749
// section 2.3.1). There is no automatic style: detecting one sends the refresh
// token twice, and the second time it is spent.
type AuthStyle string

const (
	AuthHeader AuthStyle = "header" // Authorization: Basic
	AuthBody   AuthStyle = "body"   // client_id and client_secret in the form
)

// Revocation says how a provider is told that a grant is over, at RevokeURL.
// The zero value is RFC 7009.
type Revocation string

const (
	// RevokeToken sends the refresh token, as the client (RFC 7009 section 2.1).
	RevokeToken Revocation = ""
	// RevokeUnsigned sends the refresh token, and no word of who the client is.
	RevokeUnsigned Revocation = "unsigned"
	// RevokeByAccess sends the access token as access_token in the form.
	RevokeByAccess Revocation = "access-token"
	// RevokeByBearer deletes RevokeURL with the access token as its bearer.
	RevokeByBearer Revocation = "bearer"
)

// Rotation says what a refresh does to the refresh token.
type Rotation string

const (
	// SingleUse: every refresh spends the token and answers with a new one.
	SingleUse Rotation = "single-use"
	// Sometimes: an answer may hold a new refresh token, which ends the old one.
	Sometimes Rotation = "sometimes"
	// NoRotation: the token stays in force, and answers usually hold none.
	NoRotation Rotation = "none"
)

// Status says whether the provider still serves. The zero Status is active.
type Status struct {
	Retired bool
	// Successor names the provider that took over; empty when none did.
	// Grants do not move there: every person must consent anew.
	Successor string
	// Since is when, in words as exact as the announcement.
	Since string
}

// ActivityType is the Temporal activity that calls this provider, such as
// "CallFitbit". No two providers of a table share one.
func (p Provider) ActivityType() string { return "Call" + p.camelName() }

// VaultPrefix starts the names of the provider's tokens in the vault. It is
// empty for the default provider, whose names are those of the article that
// users come from.
func (p Provider) VaultPrefix() string {
	if p.Name == token.DefaultProvider {
		return ""
	}
	return p.camelName()
}

// CredentialsName is the vault secret with the provider's client credentials,
// such as "FitbitCredentials".
func (p Provider) CredentialsName() string { return p.camelName() + "Credentials" }

// camelName is the name without hyphens, each word capitalised.
func (p Provider) camelName() string {
	var b strings.Builder
	wordStarts := true
	for _, r := range p.Name {
		switch {
		case r == '-':
			wordStarts = true
		case wordStarts:
			b.WriteRune(unicode.ToUpper(r))
			wordStarts = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
