package authserver

import "time"

// Atlassian is as in "Implementing the Refresh Token Flow" and its community's "Rotating
// refresh tokens" and "The old access token will be revoked": ten minutes in which the token before the last one is taken again,
// another pair each time, and after them its reuse ends the grant.
func Atlassian() Provider {
	return Provider{
		Name: "atlassian", AccessTokenLifetime: time.Hour, EndsAccess: true, Idle: 90 * days, Life: year,
		ReplayWindow: 10 * time.Minute, ReplayOutlastsUse: true, ReplayIssues: true, ReuseRevokes: true,
		ClientIn:      []ClientPlace{InJSON, InForm},
		AuthorizePath: "/authorize", TokenPath: "/oauth/token", OfflineScope: "offline_access",
		wire: worded{
			tokenType: "Bearer",
			dead:      []Words{oauthError(403, "invalid_grant", "Unknown or invalid refresh token.")},
			says:      map[string]Words{"invalid_client": oauthError(401, "access_denied", "Unauthorized")},
		},
	}
}

// GitHub is a GitHub App as in "Refreshing user access tokens" and "Troubleshooting OAuth
// app access token request errors": errors are 200, and answers are forms unless JSON is
// accepted. Each refresh token lives for six months. Others report 400 for the same error.
func GitHub() Provider {
	const pages = `,"error_uri":"https://docs.github.com/apps"}`
	words := func(status int, code, description string) Words {
		return Words{status, `{"error":"` + code + `","error_description":"` + description + ` {message}"` + pages}
	}
	const bad = "The refresh token passed is incorrect or expired."
	return Provider{
		Name: "github", AppScopes: true, AccessTokenLifetime: 8 * time.Hour, EndsAccess: true, Idle: 15897600 * time.Second,
		ClientIn:      []ClientPlace{InForm, InQuery, InJSON},
		AuthorizePath: "/login/oauth/authorize", TokenPath: "/login/oauth/access_token", FormAnswers: true,
		wire: worded{
			refreshLife: "refresh_token_expires_in", comma: true,
			dead: []Words{words(200, "bad_refresh_token", bad), words(400, "bad_refresh_token", bad)},
			says: map[string]Words{"invalid_client": words(200, "incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")},
		},
	}
}

// GitLab is as in "OAuth 2.0 identity provider API": a refresh ends both old tokens at
// once. Its answers are Doorkeeper's, whose older versions refuse a token with 401.
func GitLab() Provider {
	const invalid = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI " +
		"used in the authorization request, or was issued to another client."
	return Provider{
		Name: "gitlab", AccessTokenLifetime: 2 * time.Hour, EndsAccess: true,
		ClientIn:      []ClientPlace{InForm, InHeader, InQuery},
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", RevokePath: "/oauth/revoke",
		wire: worded{
			tokenType: "Bearer", issuedAt: "created_at",
			dead: []Words{oauthError(400, "invalid_grant", invalid), oauthError(401, "invalid_grant", invalid)},
			says: map[string]Words{"invalid_client": oauthError(401, "invalid_client", "Client authentication failed due to unknown client, "+
				"no client authentication included, or unsupported authentication method.")},
		},
	}
}

// Linear is as in "OAuth 2.0 authentication", so far as third parties quote it.
func Linear() Provider {
	return Provider{
		Name: "linear", AccessTokenLifetime: 24 * time.Hour, ClientIn: []ClientPlace{InForm, InHeader},
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", RevokePath: "/oauth/revoke",
		wire: worded{tokenType: "Bearer", dead: []Words{oauthError(400, "invalid_grant", "Token has been expired or revoked.")}},
	}
}

// Microsoft is as in "Refresh tokens in the Microsoft identity platform" and "Microsoft
// Entra authentication and authorization error codes": each refresh gives another refresh
// token, and the old ones stay good. A policy that wants the user back is
// interaction_required, or invalid_grant with its own number.
func Microsoft() Provider {
	words := func(status int, code, number, text, further string) Words {
		return Words{status, `{"error":"` + code + `","error_description":"AADSTS` + number + `: ` + text + ` {message}\r\nTrace ID: fake-trace",` +
			`"error_codes":[` + number + `],"timestamp":"2026-11-26 09:00:00Z","trace_id":"fake-trace","correlation_id":"fake-correlation"` + further + `}`}
	}
	return Provider{
		Name: "microsoft", AccessTokenLifetime: time.Hour, SpentStaysGood: true, Idle: 90 * days,
		ClientIn:      []ClientPlace{InForm, InHeader},
		AuthorizePath: "/common/oauth2/v2.0/authorize", TokenPath: "/common/oauth2/v2.0/token", OfflineScope: "offline_access",
		wire: worded{
			tokenType: "Bearer", further: map[string]any{"ext_expires_in": 3600},
			dead: []Words{
				words(400, "invalid_grant", "70008", "The provided authorization code or refresh token has expired due to inactivity.", ""),
				words(400, "interaction_required", "50076", "Due to a configuration change made by your administrator, you must use multi-factor authentication.",
					`,"suberror":"basic_action"`),
			},
			says: map[string]Words{"invalid_client": words(401, "invalid_client", "7000215", "Invalid client secret provided.", "")},
		},
	}
}

// Slack is as in "Using token rotation" and "oauth.v2.access": each answer is 200, and
// says in ok whether it is an error. 400 for the same error is reported as well.
func Slack() Provider {
	const own = `{"ok":false,"error":"{code}"}`
	dead := `{"ok":false,"error":"invalid_refresh_token"}`
	return Provider{
		Name: "slack", AccessTokenLifetime: 12 * time.Hour, ClientIn: []ClientPlace{InForm, InHeader},
		AuthorizePath: "/oauth/v2/authorize", TokenPath: "/api/oauth.v2.access",
		wire: worded{
			tokenType: "bot", comma: true, further: map[string]any{"ok": true, "app_id": "A0FAKE", "bot_user_id": "U0FAKE"},
			dead: []Words{{200, dead}, {400, dead}},
			says: map[string]Words{"invalid_client": {200, `{"ok":false,"error":"bad_client_secret"}`}, "": {0, own}},
		},
	}
}

// Zoom is as in "OAuth 2.0" and "OAuth error messages"; the answers are as its developer
// forum and people's logs have them, where older ones are 401. A user who consents once
// more ends the grant before.
func Zoom() Provider {
	const invalid = `{"reason":"Invalid Token!","error":"`
	return Provider{
		Name: "zoom", AppScopes: true, AccessTokenLifetime: time.Hour, Idle: 90 * days, GrantsPerUser: 1, ClientIn: []ClientPlace{InHeader},
		AuthorizePath: "/oauth/authorize", TokenPath: "/oauth/token", RevokePath: "/oauth/revoke",
		wire: worded{
			further: map[string]any{"api_url": "https://api.example"},
			dead:    []Words{{400, invalid + `invalid_grant"}`}, {401, invalid + `invalid_request"}`}},
			says:    map[string]Words{"invalid_client": {401, `{"reason":"Invalid client_id or client_secret","error":"invalid_client"}`}},
		},
	}
}
