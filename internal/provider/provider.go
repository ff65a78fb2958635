// Package provider describes OAuth 2.0 providers and makes the requests to them.
//
// A provider is data: a [Provider] in a [Table], built in or read from a file by
// [Table.Override], which also has the [Settings] of single accounts. Its [Dialect]
// translates answers that are not RFC 6749's, and its [DeadAnswer] list has its own words
// for a dead grant. [Client.Refresh] spends a refresh token in exactly one POST, and
// [Classify] decides what the answer means: a new pair, or a [Failure] whose [Kind] says
// what to do next.
//
// Providers echo tokens in their error bodies, so nothing from a body ever reaches an
// error: every word of a [Failure] is this package's own or the entry's, but for the host
// that a redirect leads to. What an answer says beside the tokens is passed on only where
// it is short, printable, and none of the secrets.
package provider

import "time"

// Provider describes an OAuth 2.0 provider. Values come from a [Table], which has
// checked them, and are read-only.
type Provider struct {
	// Name stands in accounts, flags and files, such as "google-health":
	// lower-case letters, digits and single hyphens.
	Name string
	// Title stands in messages, such as "Google Health".
	Title string

	// The endpoints: https, or http on loopback. Only TokenURL is always set;
	// AuthURL and TokenURL are RFC 6749's, RevokeURL is RFC 7009's.
	AuthURL   string
	TokenURL  string
	RevokeURL string
	// TokenURLs are further token endpoints by name, such as another portal's. An account
	// chooses one; see [Settings].
	TokenURLs map[string]string
	// SecretNames replace the names of the secrets of the default account; see [SecretNames].
	SecretNames SecretNames

	// ConsentCommand asks an account's owner for a consent; see vault.Locate. Empty where the
	// provider is no single account's.
	ConsentCommand string

	AuthStyle  AuthStyle
	Revocation Revocation
	Rotation   Rotation
	// ReplayWindow is how long the provider repeats its answer to a refresh
	// token that is already spent. Zero: never, and a lost answer is a lost grant.
	ReplayWindow time.Duration
	// RepeatPause is the shortest pause that it allows between two refreshes with the
	// same token; zero for none.
	RepeatPause time.Duration
	// ReplayEndsOnUse: the first use of an issued token ends the replay window early.
	ReplayEndsOnUse bool
	// Reuse is what it does when a spent token is presented outside the replay window.
	Reuse Reuse
	// DeadAnswers are the provider's own words for a dead grant, beside RFC 6749's
	// invalid_grant, which always means one.
	DeadAnswers []DeadAnswer
	// EndsAccessToken: a refresh ends the access token before it, so that readers must
	// read the new one.
	EndsAccessToken bool
	// AccessTokenLifetime is what the provider documents; an answer's expires_in
	// outranks it.
	AccessTokenLifetime time.Duration
	// RenewsWithin is the last part of an access token's life, in which a refresh
	// gives another one; before that the answer repeats it. Zero: any refresh does.
	RenewsWithin time.Duration

	// GrantIdle is how long a refresh token lives without a refresh, GrantLife how long a
	// grant lives from its consent on, whatever is refreshed. Zero: unknown, or no end.
	GrantIdle time.Duration
	GrantLife time.Duration
	// RefreshLifetimeField and GrantLifetimeField are the fields of an answer that state the
	// same in seconds from now, and outrank both; empty for none.
	RefreshLifetimeField string
	GrantLifetimeField   string
	// GrantEnds is a clause that says why a grant may end without a revocation;
	// empty where the provider documents no such rule.
	GrantEnds string

	// Scopes are requested unless the operator names others.
	Scopes []string
	// AuthParams are added to the authorization URL, RefreshParams to the form of
	// every refresh.
	AuthParams    map[string]string
	RefreshParams map[string]string

	Dialect Dialect
	// RateLimitResetHeader holds the seconds until the rate limit starts over,
	// where it is not the usual RateLimit-Reset.
	RateLimitResetHeader string
	Status               Status
	// Source is where all of this comes from.
	Source Source
}

// Source is the page that describes a provider, the day on which it was read, as in
// "2026-11-26", and what no page confirms.
type Source struct {
	Page       string
	Read       string
	Unverified string
}

// SecretNames state names of secrets in the vault in place of those that Token Keeper
// makes. Credentials, and ClientID with ClientSecret, exclude each other: the client is in
// one secret or in two, which then hold it in the clear. Empty fields state nothing.
type SecretNames struct {
	RefreshToken, AccessToken, Credentials, ClientID, ClientSecret string
}

// Settings are what the providers file states for one account. Empty fields state nothing.
type Settings struct {
	TokenURL    string // the account's token endpoint
	SecretNames SecretNames
}

// AuthStyle says where a confidential client puts its id and secret (RFC 6749
// section 2.3.1). There is no automatic style: detection sends the refresh token
// twice, and the second time it is spent.
type AuthStyle string

const (
	AuthHeader AuthStyle = "header" // Authorization: Basic
	AuthBody   AuthStyle = "body"   // client_id and client_secret in the form
	AuthJSON   AuthStyle = "json"   // client_id and client_secret in the body, and all of that in JSON
	// AuthQuery has client_id and client_secret in the URL's query and the rest in the form.
	// It is the least good: servers and proxies log URLs. No error of this package has one.
	AuthQuery AuthStyle = "query"
)

// Revocation is the form of the request that ends a grant at RevokeURL. The zero
// value is RFC 7009.
type Revocation string

const (
	// RevokeToken sends the refresh token, as the client (RFC 7009 section 2.1).
	RevokeToken Revocation = ""
	// RevokeUnsigned sends the refresh token without client authentication.
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

// Reuse says what a provider does when a spent refresh token is presented again after
// its replay window. The zero value is unknown, and counts as RevokesGrant wherever
// care costs nothing.
type Reuse string

const (
	// Harmless: the token is still good, or is answered like one.
	Harmless Reuse = "harmless"
	// Refused: the token is refused, and its successor stays good.
	Refused Reuse = "refused"
	// RevokesGrant: the provider takes it for theft and ends the whole grant (RFC 9700
	// section 4.14.2).
	RevokesGrant Reuse = "revokes-grant"
)

// Status says whether the provider still serves. The zero Status is active.
type Status struct {
	Retired bool
	// Successor names the provider that took over; empty when none did. Grants do
	// not move there: every account owner must consent anew.
	Successor string
	// Since says when, as exactly as the announcement does.
	Since string
}
