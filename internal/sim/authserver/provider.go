package authserver

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
)

// Provider is a provider to simulate: how its tokens behave and how its messages
// look. [Providers] lists them; each is written from that provider's reference,
// independently of the product's table, so that a mistake in one is not in both.
type Provider struct {
	// Name is the provider's in the product's table.
	Name string

	Rotation            grant.Rotation
	KeepsAccess         time.Duration // see grant.Rules
	ReplayWindow        time.Duration // zero for never
	AccessTokenLifetime time.Duration
	ReuseRevokes        bool

	// Body: clients authenticate in the form alone. Otherwise by HTTP Basic alone.
	Body bool
	// AuthorizePath, TokenPath and RevokePath are where the endpoints are. Without
	// a RevokePath there is none.
	AuthorizePath, TokenPath, RevokePath string
	Revocation                           Revocation
	// OfflineScope has to be requested, or no refresh token is given. RefreshScope
	// has to be in the form of each refresh for the same reason.
	OfflineScope, RefreshScope string
	// OfflineAccess: a refresh token is given only to access_type=offline, and to a
	// user's further consents only with prompt=consent. Refreshes give none.
	OfflineAccess bool
	// TokenForm must be in the form of every token request.
	TokenForm map[string]string
	// RateLimits: answers carry Fitbit's headers.
	RateLimits bool
	// RepeatPause is how long after a token request another one with the same arguments
	// is refused as too many requests. Each one that is refused begins it anew.
	RepeatPause time.Duration
	// WaitInBody: "too many requests" has body.wait_seconds in place of Retry-After.
	WaitInBody bool
	// RedirectEnd ends every redirect, and ScopeInRedirect puts the granted scopes
	// into its query.
	RedirectEnd     string
	ScopeInRedirect bool

	wire wire
}

// Revocation is how a client revokes a grant.
type Revocation string

const (
	// ByClient takes the token from the client it was issued to (RFC 7009).
	ByClient Revocation = ""
	// ByAnyone takes the token without a client's authentication.
	ByAnyone Revocation = "anyone"
	// ByAccessToken takes the access token as access_token.
	ByAccessToken Revocation = "access-token"
	// ByBearer is a DELETE with the access token as its bearer.
	ByBearer Revocation = "bearer"
)

// Providers lists all of them by name.
func Providers() []Provider {
	return []Provider{Fitbit(), GoogleHealth(), Oura(), Strava(), Whoop(), Withings(), Xero()}
}

// ProviderOf finds one by its name.
func ProviderOf(name string) (Provider, error) {
	var names []string
	for _, p := range Providers() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Provider{}, fmt.Errorf("provider %q is unknown; use one of %s", name, strings.Join(names, ", "))
}

// Fitbit is as in its Web API reference.
func Fitbit() Provider {
	return Provider{
		Name: "fitbit", ReplayWindow: DefaultReplayWindow, AccessTokenLifetime: DefaultAccessTokenLifetime,
		AuthorizePath: "/oauth2/authorize", TokenPath: "/oauth2/token", RevokePath: "/oauth2/revoke",
		RateLimits: true, RedirectEnd: "#_=_", wire: fitbitWire{},
	}
}

// GoogleHealth is as in "Using OAuth 2.0 for Web Server Applications".
func GoogleHealth() Provider {
	return Provider{
		Name: "google-health", Rotation: grant.Never, AccessTokenLifetime: time.Hour, Body: true,
		AuthorizePath: "/o/oauth2/v2/auth", TokenPath: "/token", RevokePath: "/revoke", Revocation: ByAnyone,
		OfflineAccess: true, ScopeInRedirect: true, wire: plainWire{},
	}
}

// Oura is as in its API's "Authentication".
func Oura() Provider {
	return Provider{
		Name: "oura", AccessTokenLifetime: 24 * time.Hour, Body: true,
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", wire: plainWire{},
	}
}

// Strava is as in its API's "Authentication".
func Strava() Provider {
	return Provider{
		Name: "strava", Rotation: grant.Sometimes, KeepsAccess: time.Hour, AccessTokenLifetime: 6 * time.Hour, Body: true,
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", RevokePath: "/oauth/deauthorize", Revocation: ByAccessToken,
		ScopeInRedirect: true, wire: stravaWire{},
	}
}

// Whoop is as in "OAuth 2.0" and "Refreshing Access Tokens".
func Whoop() Provider {
	return Provider{
		Name: "whoop", AccessTokenLifetime: time.Hour, ReuseRevokes: true, Body: true,
		AuthorizePath: "/oauth/oauth2/auth", TokenPath: "/oauth/oauth2/token", RevokePath: "/developer/v2/user/access", Revocation: ByBearer,
		OfflineScope: "offline", RefreshScope: "offline", wire: plainWire{},
	}
}

// Withings is as in its API reference. "Same arguments in less than 10 seconds" and
// wait_seconds are as people's logs have them (MMM-withings issue 15).
func Withings() Provider {
	return Provider{
		Name: "withings", ReplayWindow: 8 * time.Hour, AccessTokenLifetime: 3 * time.Hour, Body: true,
		AuthorizePath: "/oauth2_user/authorize2", TokenPath: "/v2/oauth2",
		TokenForm: map[string]string{"action": "requesttoken"}, RepeatPause: 10 * time.Second, WaitInBody: true, wire: withingsWire{},
	}
}

// Xero is as in "The standard authorization code flow" and its FAQ.
func Xero() Provider {
	return Provider{
		Name: "xero", ReplayWindow: 30 * time.Minute, AccessTokenLifetime: 30 * time.Minute,
		AuthorizePath: "/identity/connect/authorize", TokenPath: "/connect/token", RevokePath: "/connect/revocation",
		OfflineScope: "offline_access", wire: plainWire{},
	}
}

// scopes reads a list of scopes as this provider writes them.
func (p Provider) scopes(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || string(r) == p.wire.scopeSeparator() })
}

// offline reports whether a consent's scopes entitle to a refresh token.
func (p Provider) offline(scope string) bool {
	return p.OfflineScope == "" || slices.Contains(p.scopes(scope), p.OfflineScope)
}
