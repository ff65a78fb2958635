package authserver

import (
	"fmt"
	"net/url"
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

	// The rules of its tokens; see grant.Rules.
	Rotation                        grant.Rotation
	KeepsAccess                     time.Duration
	AccessTokenLifetime             time.Duration
	EndsAccess                      bool
	ReplayWindow                    time.Duration
	ReplayOutlastsUse, ReplayIssues bool
	ReuseRevokes, SpentStaysGood    bool
	Idle, Life                      time.Duration
	GrantsPerUser, UnusedPairs      int
	// OptsIn: refresh tokens rotate, and reuse ends the grant, where the application has
	// opted into that; see [Options.Rotating].
	OptsIn bool

	// ClientIn is where it takes a client's id and secret, the documented place first.
	ClientIn []ClientPlace
	// AuthorizePath, TokenPath and RevokePath are where the endpoints are. Without
	// a RevokePath there is none.
	AuthorizePath, TokenPath, RevokePath string
	Revocation                           Revocation
	// Portals are further token endpoints by name, each for the clients that are
	// registered there alone.
	Portals map[string]string
	// OfflineScope has to be requested, or no refresh token is given. RefreshScope
	// has to be in the form of each refresh for the same reason.
	OfflineScope, RefreshScope string
	// OfflineParam is a parameter of the consent that has to be "offline" for a refresh
	// token, and OfflineForm are fields that the redemption of its code needs. With
	// AsksAgain a user's further consents give one only with prompt=consent.
	OfflineParam string
	OfflineForm  map[string]string
	AsksAgain    bool
	// OmitsKept: an answer to a refresh leaves a refresh token out that has not changed.
	OmitsKept bool
	// GrantLifeHeader is a header of the request without which the grant's end is not
	// told; empty where it always is.
	GrantLifeHeader string
	// FormAnswers: the answer is a form where the request does not accept JSON.
	FormAnswers bool
	// TokenForm must be in the form of every token request.
	TokenForm map[string]string
	// RateLimits: answers carry Fitbit's headers.
	RateLimits bool
	// RepeatPause is how long after a token request another one with the same arguments
	// is refused as too many requests. Each one that is refused begins it anew.
	RepeatPause time.Duration
	// WaitInBody: "too many requests" has body.wait_seconds in place of Retry-After.
	WaitInBody bool
	// AppScopes: the app's registration states the scopes, and a request may leave them out
	// (RFC 6749 section 3.3).
	AppScopes bool
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
	return []Provider{
		Atlassian(), Box(), Calendly(), Canva(), Docusign(), Dropbox(), Fitbit(), GitHub(), GitLab(), GoogleHealth(), HubSpot(), Linear(),
		Microsoft(), Oura(), QuickBooks(), Salesforce(), Shopify(), Slack(), Spotify(), Strava(), Wahoo(), Whoop(), Withings(), X(), Xero(), Zoom(),
	}
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

// DeadAnswers is in how many ways it refuses a refresh token; see [Dead].
func (p Provider) DeadAnswers() int {
	if own, ok := p.wire.(worded); ok {
		return max(1, len(own.dead))
	}
	return 1
}

// scopes reads a list of scopes as this provider writes them.
func (p Provider) scopes(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || string(r) == p.wire.scopeSeparator() })
}

// offline reports whether a consent's scopes entitle to a refresh token.
func (p Provider) offline(scope string) bool {
	return p.OfflineScope == "" || slices.Contains(p.scopes(scope), p.OfflineScope)
}

// offlineForm reports whether the redemption of a code does.
func (p Provider) offlineForm(form url.Values) bool {
	for field, want := range p.OfflineForm {
		if form.Get(field) != want {
			return false
		}
	}
	return true
}
