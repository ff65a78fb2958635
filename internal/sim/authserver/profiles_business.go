package authserver

import (
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
)

// Calendly is as in "Refresh token rotation guide" and "Get Access Token": single use since
// 2026. How it refuses is Doorkeeper's way, which no page of its own confirms.
func Calendly() Provider {
	return Provider{
		Name: "calendly", AppScopes: true, AccessTokenLifetime: 2 * time.Hour, ClientIn: []ClientPlace{InForm, InHeader},
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", RevokePath: "/oauth/revoke",
		wire: worded{
			tokenType: "Bearer", issuedAt: "created_at",
			further: map[string]any{"owner": "https://api.example/users/FAKE", "organization": "https://api.example/organizations/FAKE"},
			dead:    []Words{oauthError(400, "invalid_grant", "The provided authorization grant is invalid, expired, revoked.")},
			says:    map[string]Words{"invalid_client": oauthError(401, "invalid_client", "Client authentication failed.")},
		},
	}
}

// Docusign is as in the blog's "Authorization Code Grant refresh tokens" and questions
// that its staff answered: eight hours, 30 days, and another refresh token each time.
func Docusign() Provider {
	return Provider{
		Name: "docusign", AccessTokenLifetime: 8 * time.Hour, Idle: 30 * days, ClientIn: []ClientPlace{InHeader},
		AuthorizePath: "/oauth/auth", TokenPath: "/oauth/token",
		wire: worded{
			tokenType: "Bearer", noScope: true,
			dead: []Words{oauthError(400, "invalid_grant", "expired_client_token")},
			says: map[string]Words{"invalid_client": oauthError(400, "invalid_client", "unauthorized_client")},
		},
	}
}

// HubSpot is as in "OAuth tokens" and the changelog's "New OAuth v3 API endpoints and
// standardized error responses": RFC 6749's fields stand beside its own, which older
// answers had alone. What error is beside BAD_REFRESH_TOKEN is as people's logs have it.
func HubSpot() Provider {
	const own = `"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token","correlationId":"fake-correlation"`
	return Provider{
		Name: "hubspot", Rotation: grant.Never, AccessTokenLifetime: 30 * time.Minute, ClientIn: []ClientPlace{InForm},
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/2026-03/token", RevokePath: "/oauth/2026-03/token/revoke",
		wire: worded{
			noScope: true,
			dead: []Words{
				{400, `{"error":"invalid_request","error_description":"missing or invalid refresh token {message}",` + own + `}`},
				{400, `{"error":"invalid_grant","error_description":"missing or invalid refresh token {message}",` + own + `}`},
				{400, `{` + own + `}`},
			},
			says: map[string]Words{
				"invalid_client": {400, `{"error":"invalid_client","error_description":"missing or unknown client {message}",` +
					`"status":"BAD_CLIENT_ID","message":"missing or unknown client id","correlationId":"fake-correlation"}`},
			},
		},
	}
}

// QuickBooks is as in Intuit's "OAuth 2.0", its FAQ and the blog's "Important changes to
// refresh token policy": the token's value changes about once a day, and what is left of
// the five years is told to a request that asks for it.
func QuickBooks() Provider {
	return Provider{
		Name: "quickbooks", Rotation: grant.Daily, AccessTokenLifetime: time.Hour, Idle: 100 * days, Life: 5 * year,
		ClientIn:      []ClientPlace{InHeader},
		AuthorizePath: "/connect/oauth2", TokenPath: "/oauth2/v1/tokens/bearer", RevokePath: "/v2/oauth2/tokens/revoke",
		GrantLifeHeader: "x-include-refresh-token-hard-expires-in",
		wire: worded{
			noScope: true, refreshLife: "x_refresh_token_expires_in", grantLife: "x_refresh_token_hard_expires_in",
			dead: []Words{oauthError(400, "invalid_grant", "Incorrect or invalid refresh token"), bareError(400, "invalid_grant")},
			says: map[string]Words{"invalid_client": bareError(401, "invalid_client")},
		},
	}
}

// Salesforce is as in "OAuth 2.0 Refresh Token Flow" and the help's "Force one-time-use
// Refresh Tokens": nothing rotates unless the application opts in, and then a spent token
// ends the grant. A user has five grants per application; the oldest dies. Answers name
// no lifetime: the session's policy decides, two hours by default. The errors' texts are
// as people's logs have them.
func Salesforce() Provider {
	return Provider{
		Name: "salesforce", Rotation: grant.Never, OptsIn: true, AccessTokenLifetime: 2 * time.Hour, GrantsPerUser: 5,
		ClientIn:      []ClientPlace{InForm, InHeader},
		AuthorizePath: "/services/oauth2/authorize", TokenPath: "/services/oauth2/token",
		RevokePath: "/services/oauth2/revoke", Revocation: ByAnyone,
		OfflineScope: "refresh_token", OmitsKept: true,
		wire: worded{
			tokenType: "Bearer", noExpiry: true,
			further: map[string]any{
				"instance_url": "https://acme.example", "id": "https://login.example/id/00D/005", "issued_at": "1764150000000", "signature": "fake-signature",
			},
			dead: []Words{oauthError(400, "invalid_grant", "expired access/refresh token"), oauthError(400, "invalid_grant", "authentication failure")},
			says: map[string]Words{"invalid_client": oauthError(400, "invalid_client", "invalid client credentials")},
		},
	}
}

// Shopify is as in "About offline access tokens" and the changelog's "More resilient
// refreshes for expiring offline access tokens": a spent token is good for 30 days from
// its first use or until its replacement refreshes.
func Shopify() Provider {
	return Provider{
		Name: "shopify", AppScopes: true, AccessTokenLifetime: time.Hour, Idle: 90 * days,
		ReplayWindow: 30 * days, ReplayOutlastsUse: true, ReplayIssues: true,
		ClientIn:      []ClientPlace{InJSON, InForm},
		AuthorizePath: "/admin/oauth/authorize", TokenPath: "/admin/oauth/access_token", OfflineForm: map[string]string{"expiring": "1"},
		wire: worded{
			comma: true, refreshLife: "refresh_token_expires_in",
			dead: []Words{oauthError(400, "invalid_grant", "The refresh token is invalid or has expired")},
			says: map[string]Words{"invalid_client": oauthError(401, "invalid_client", "The client credentials are invalid")},
		},
	}
}

// Xero is as in "The standard authorization code flow" and its FAQ: a refresh can be tried
// again for 30 minutes.
func Xero() Provider {
	return Provider{
		Name: "xero", ReplayWindow: 30 * time.Minute, ReplayOutlastsUse: true, AccessTokenLifetime: 30 * time.Minute, Idle: 60 * days,
		ClientIn:      []ClientPlace{InHeader},
		AuthorizePath: "/identity/connect/authorize", TokenPath: "/connect/token", RevokePath: "/connect/revocation",
		OfflineScope: "offline_access", wire: plainWire{},
	}
}
