package authserver

import (
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
)

// Box is as in "Refresh a Token" and its support's article 15765421154323: a refresh
// token repeats its pair until the new one is used, within its own 60 days.
func Box() Provider {
	return Provider{
		Name: "box", AppScopes: true, AccessTokenLifetime: time.Hour, Idle: 60 * days, ReplayWindow: 60 * days, ClientIn: []ClientPlace{InForm},
		AuthorizePath: "/api/oauth2/authorize", TokenPath: "/oauth2/token", RevokePath: "/oauth2/revoke",
		wire: worded{
			noScope: true, further: map[string]any{"restricted_to": []string{}},
			dead: []Words{oauthError(400, "invalid_grant", "Refresh token has expired")},
			says: map[string]Words{"invalid_client": oauthError(400, "invalid_client", "The client credentials are invalid")},
		},
	}
}

// Canva is as in "Generate an access token"; how it refuses is RFC 6749's way, which no
// page in reach confirms.
func Canva() Provider {
	return Provider{
		Name: "canva", AccessTokenLifetime: 4 * time.Hour, ClientIn: []ClientPlace{InHeader, InForm},
		AuthorizePath: "/api/oauth/authorize", TokenPath: "/rest/v1/oauth/token", RevokePath: "/rest/v1/oauth/revoke",
		wire: worded{tokenType: "Bearer", dead: []Words{oauthError(400, "invalid_grant", "The refresh token is invalid.")}},
	}
}

// Dropbox is as in "OAuth Guide" and "Using OAuth 2.0 with offline access": a refresh
// token stays, and answers to refreshes have none.
func Dropbox() Provider {
	return Provider{
		Name: "dropbox", Rotation: grant.Never, AccessTokenLifetime: 4 * time.Hour, ClientIn: []ClientPlace{InForm, InHeader},
		AuthorizePath: "/oauth2/authorize", TokenPath: "/oauth2/token", OfflineParam: "token_access_type", OmitsKept: true,
		wire: worded{
			dead: []Words{oauthError(400, "invalid_grant", "refresh token is invalid or revoked")},
			says: map[string]Words{"invalid_client": oauthError(400, "invalid_client", "Invalid client_id or client_secret")},
		},
	}
}

// Spotify is as in "Refreshing tokens" and the blog's "Introducing refresh token
// expiration": six months from the consent on, whatever is refreshed.
func Spotify() Provider {
	return Provider{
		Name: "spotify", Rotation: grant.Never, AccessTokenLifetime: time.Hour, Life: 182 * days, ClientIn: []ClientPlace{InHeader},
		AuthorizePath: "/authorize", TokenPath: "/api/token", OmitsKept: true,
		wire: worded{
			tokenType: "Bearer",
			dead:      []Words{oauthError(400, "invalid_grant", "Refresh token revoked"), bareError(400, "invalid_grant")},
			says:      map[string]Words{"invalid_client": oauthError(400, "invalid_client", "Invalid client")},
		},
	}
}

// X is as in "OAuth 2.0 Authorization Code Flow with PKCE"; how it tells a dead token is
// as people's logs have it.
func X() Provider {
	return Provider{
		Name: "x", AccessTokenLifetime: 2 * time.Hour, ClientIn: []ClientPlace{InHeader},
		AuthorizePath: "/i/oauth2/authorize", TokenPath: "/2/oauth2/token", RevokePath: "/2/oauth2/revoke", OfflineScope: "offline.access",
		wire: worded{
			dead: []Words{oauthError(400, "invalid_request", "Value passed for the token was invalid.")},
			says: map[string]Words{"invalid_client": oauthError(401, "unauthorized_client", "Missing valid authorization header")},
		},
	}
}
