package provider

import "time"

// developerRows are the providers of code and of the work on it.
func developerRows() []Provider {
	return []Provider{atlassian(), github(), gitlab(), linear()}
}

// atlassian serves Jira and Confluence Cloud. Ten minutes of leeway after a refresh are
// meant for a lost answer; then the old access token ends too, and a reuse counts as a
// breach. A dead grant is 403. The page shows its requests as JSON; forms are taken as well.
func atlassian() Provider {
	return Provider{
		Name:                "atlassian",
		Title:               "Atlassian",
		AuthURL:             "https://auth.atlassian.com/authorize",
		TokenURL:            "https://auth.atlassian.com/oauth/token",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		ReplayWindow:        10 * time.Minute,
		Reuse:               RevokesGrant,
		EndsAccessToken:     true,
		AccessTokenLifetime: time.Hour,
		GrantIdle:           90 * day,
		GrantLife:           365 * day,
		GrantEnds:           "Atlassian ends a grant 365 days after its consent, after 90 days without a refresh, and with the account's password",
		Scopes:              []string{"offline_access", "read:me"},
		AuthParams:          map[string]string{"audience": "api.atlassian.com", "prompt": "consent"},
		Dialect:             RFC6749,
		Source: Source{
			Page: `Atlassian developer, "Implementing the Refresh Token Flow"; its developer community, "The old access token will be revoked during the refresh token exchange" (staff)`,
			Read: readOn,
			Unverified: "whether a repeat within the leeway gets the same pair or another; that forms are taken, from other clients; " +
				"the numbers of days, from a copy of the page",
		},
	}
}

// github is for the user access tokens of GitHub Apps that expire; an OAuth App's do not,
// and have no refresh token. Scopes are none: the app's permissions count. Errors come with
// 200.
func github() Provider {
	return Provider{
		Name:                 "github",
		Title:                "GitHub",
		AuthURL:              "https://github.com/login/oauth/authorize",
		TokenURL:             "https://github.com/login/oauth/access_token",
		AuthStyle:            AuthBody,
		Rotation:             SingleUse,
		DeadAnswers:          []DeadAnswer{{Value: "bad_refresh_token"}},
		EndsAccessToken:      true,
		AccessTokenLifetime:  8 * time.Hour,
		GrantIdle:            184 * day, // the 15897600 seconds of refresh_token_expires_in
		RefreshLifetimeField: "refresh_token_expires_in",
		GrantEnds:            "GitHub ends a refresh token six months after it was issued",
		Dialect:              RFC6749,
		Source: Source{
			Page: `GitHub Docs, "Refreshing user access tokens"; interLink pull request 262 for the refusal`,
			Read: readOn,
			Unverified: "whether a refresh starts the six months anew: the page gives them for each refresh token and names no end of the grant; " +
				"what a lost answer and what a reuse does",
		},
	}
}

// gitlab is GitLab.com; a server of one's own is an entry like this one with its URLs.
func gitlab() Provider {
	return Provider{
		Name:                "gitlab",
		Title:               "GitLab",
		AuthURL:             "https://gitlab.com/oauth/authorize",
		TokenURL:            "https://gitlab.com/oauth/token",
		RevokeURL:           "https://gitlab.com/oauth/revoke",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		EndsAccessToken:     true,
		AccessTokenLifetime: 2 * time.Hour,
		Scopes:              []string{"read_user"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `GitLab Docs, "OAuth 2.0 identity provider API"; gitlab issue 372358`,
			Read:       readOn,
			Unverified: "what a lost answer and what a reuse does; its examples send redirect_uri with a refresh, which RFC 6749 does not have and Token Keeper does not send",
		},
	}
}

// linear rotates since April 2026 for every app.
func linear() Provider {
	return Provider{
		Name:                "linear",
		Title:               "Linear",
		AuthURL:             "https://linear.app/oauth/authorize",
		TokenURL:            "https://api.linear.app/oauth/token",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		AccessTokenLifetime: day,
		Scopes:              []string{"read"},
		Dialect:             RFC6749,
		Source: Source{
			Page: `Linear developers, "OAuth 2.0 authentication"`,
			Read: readOn,
			Unverified: "only the first part of the page was in reach: the 24 hours and the rotation are from third parties that quote it; what a lost answer and what a reuse does; " +
				"it documents commas between scopes, and Token Keeper sends blanks",
		},
	}
}
