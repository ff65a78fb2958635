package authserver

import (
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
)

// Lives of grants and of refresh tokens.
const (
	days = 24 * time.Hour
	year = 365 * days
)

// Fitbit is as in its Web API reference: one refresh token per user and client is in
// force, and an identical refresh is answered once more until a new token is used.
func Fitbit() Provider {
	return Provider{
		Name: "fitbit", ReplayWindow: DefaultReplayWindow, AccessTokenLifetime: DefaultAccessTokenLifetime, GrantsPerUser: 1,
		ClientIn:      []ClientPlace{InHeader},
		AuthorizePath: "/oauth2/authorize", TokenPath: "/oauth2/token", RevokePath: "/oauth2/revoke",
		RateLimits: true, RedirectEnd: "#_=_", wire: fitbitWire{},
	}
}

// GoogleHealth is as in "Using OAuth 2.0 for Web Server Applications" and "Using OAuth
// 2.0 to Access Google APIs", "Refresh token expiration".
func GoogleHealth() Provider {
	return Provider{
		Name: "google-health", Rotation: grant.Never, AccessTokenLifetime: time.Hour, GrantsPerUser: 100, Idle: 182 * days,
		ClientIn:      []ClientPlace{InForm},
		AuthorizePath: "/o/oauth2/v2/auth", TokenPath: "/token", RevokePath: "/revoke", Revocation: ByAnyone,
		OfflineParam: "access_type", AsksAgain: true, OmitsKept: true, ScopeInRedirect: true, wire: plainWire{},
	}
}

// Oura is as in its API's "Authentication" and "Error Handling". That a dead token is
// told as invalid_request, and that the endpoint of the old portal does the same to all
// clients of the new one, is as people's logs have it (Oura-Home-Assistant-Integration
// issues 61 and 68).
func Oura() Provider {
	const used = "Token already used or revoked"
	return Provider{
		Name: "oura", AccessTokenLifetime: 24 * time.Hour, ClientIn: []ClientPlace{InForm, InHeader},
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", Portals: map[string]string{"moi": "/oauth/v2/ext/oauth-token"},
		wire: worded{tokenType: "Bearer", dead: []Words{
			{400, `{"error":"invalid_request","error_description":"` + used + ` {message}","status":400,"title":"invalid_request","detail":"` + used + `"}`},
		}},
	}
}

// Strava is as in its API's "Authentication".
func Strava() Provider {
	return Provider{
		Name: "strava", Rotation: grant.Sometimes, KeepsAccess: time.Hour, AccessTokenLifetime: 6 * time.Hour, ClientIn: []ClientPlace{InForm},
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", RevokePath: "/oauth/deauthorize", Revocation: ByAccessToken,
		ScopeInRedirect: true, wire: stravaWire{},
	}
}

// Wahoo is as in the Cloud API's "Authentication" and "Token Limits": a refresh token is
// good until an access token that was issued for it is used, and ten unrevoked access
// tokens is the most. That it refuses without a word is as people's logs have it
// (quantified-self issue 589).
func Wahoo() Provider {
	return Provider{
		Name: "wahoo", AccessTokenLifetime: 2 * time.Hour, ReplayWindow: year, ReplayIssues: true, UnusedPairs: 10,
		ClientIn:      []ClientPlace{InForm, InQuery},
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", RevokePath: "/v1/permissions", Revocation: ByBearer,
		OfflineScope: "offline_data",
		wire: worded{
			tokenType: "Bearer", issuedAt: "created_at", dead: []Words{{400, `{}`}},
			says: map[string]Words{"too_many_tokens": {400, `{"error":"{message}"}`}},
		},
	}
}

// Whoop is as in "OAuth 2.0" and "Refreshing Access Tokens".
func Whoop() Provider {
	return Provider{
		Name: "whoop", AccessTokenLifetime: time.Hour, ReuseRevokes: true, ClientIn: []ClientPlace{InForm},
		AuthorizePath: "/oauth/oauth2/auth", TokenPath: "/oauth/oauth2/token", RevokePath: "/developer/v2/user/access", Revocation: ByBearer,
		OfflineScope: "offline", RefreshScope: "offline", wire: plainWire{},
	}
}

// Withings is as in its API reference and "Access and refresh tokens". "Same arguments in
// less than 10 seconds" and wait_seconds are as people's logs have them (MMM-withings
// issue 15).
func Withings() Provider {
	return Provider{
		Name: "withings", ReplayWindow: 8 * time.Hour, AccessTokenLifetime: 3 * time.Hour, Idle: year, ClientIn: []ClientPlace{InForm},
		AuthorizePath: "/oauth2_user/authorize2", TokenPath: "/v2/oauth2",
		TokenForm: map[string]string{"action": "requesttoken"}, RepeatPause: 10 * time.Second, WaitInBody: true, wire: withingsWire{},
	}
}
