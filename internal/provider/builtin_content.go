package provider

import "time"

// contentRows are the providers of documents, messages, meetings and media.
func contentRows() []Provider {
	return []Provider{box(), canva(), dropbox(), microsoft(), slack(), spotify(), xCom(), zoom()}
}

// box documents single use, and by its support repeats the pair until the new one is
// used. No time is named; the window is the access token's life. Scopes are chosen with the
// app's registration.
func box() Provider {
	return Provider{
		Name:                "box",
		Title:               "Box",
		AuthURL:             "https://account.box.com/api/oauth2/authorize",
		TokenURL:            "https://api.box.com/oauth2/token",
		RevokeURL:           "https://api.box.com/oauth2/revoke",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		ReplayWindow:        time.Hour,
		ReplayEndsOnUse:     true,
		AccessTokenLifetime: time.Hour,
		GrantIdle:           60 * day,
		GrantEnds:           "Box ends a refresh token that is not used for 60 days",
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Box developer, "Refresh a Token"; Box support, 15765421154323 and "Refresh Token has expired"`,
			Read:       readOn,
			Unverified: "the repeated pair, which the guide denies and the support article grants: from an earlier reading; for how long; what a reuse does afterwards",
		},
	}
}

// canva requires PKCE, which every consent here has.
func canva() Provider {
	return Provider{
		Name:                "canva",
		Title:               "Canva",
		AuthURL:             "https://www.canva.com/api/oauth/authorize",
		TokenURL:            "https://api.canva.com/rest/v1/oauth/token",
		RevokeURL:           "https://api.canva.com/rest/v1/oauth/revoke",
		AuthStyle:           AuthHeader,
		Rotation:            SingleUse,
		AccessTokenLifetime: 4 * time.Hour,
		Scopes:              []string{"profile:read"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Canva developers, "Generate an access token" and "Revoke a token"`,
			Read:       readOn,
			Unverified: "the sentence on single use was in third parties' words only; what a lost answer and what a reuse does",
		},
	}
}

// dropbox gives a refresh token only with token_access_type=offline.
func dropbox() Provider {
	return Provider{
		Name:                "dropbox",
		Title:               "Dropbox",
		AuthURL:             "https://www.dropbox.com/oauth2/authorize",
		TokenURL:            "https://api.dropboxapi.com/oauth2/token",
		AuthStyle:           AuthBody,
		Rotation:            NoRotation,
		AccessTokenLifetime: 4 * time.Hour,
		Scopes:              []string{"account_info.read"},
		AuthParams:          map[string]string{"token_access_type": "offline"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Dropbox developers, "Using OAuth 2.0 with offline access"`,
			Read:       readOn,
			Unverified: "only the first part of the page was in reach: the four hours are from other clients' documents",
		},
	}
}

// microsoft is the Microsoft identity platform for any tenant; an app of one tenant is an
// entry like this one with that tenant's URLs. Each refresh gives a new refresh token and
// the old one stays good, so that a repeat gets another pair. interaction_required asks for
// the account owner: a new password, a second factor, a policy.
func microsoft() Provider {
	return Provider{
		Name:                "microsoft",
		Title:               "Microsoft",
		AuthURL:             "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
		TokenURL:            "https://login.microsoftonline.com/common/oauth2/v2.0/token",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		ReplayWindow:        time.Hour,
		Reuse:               Harmless,
		DeadAnswers:         []DeadAnswer{{Value: "interaction_required"}},
		AccessTokenLifetime: time.Hour,
		GrantIdle:           90 * day,
		GrantEnds:           "Microsoft ends refresh tokens of a redirect URI of the kind spa after 24 hours, and others when the account owner or an administrator revokes them or a policy asks for a new sign-in",
		Scopes:              []string{"offline_access", "openid", "profile", "User.Read"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Microsoft Learn, "Refresh tokens in the Microsoft identity platform"`,
			Read:       readOn,
			Unverified: "interaction_required at a refresh, from an earlier reading; access tokens live for 60 to 90 minutes, as their expires_in says",
		},
	}
}

// slack rotates only where the app has token rotation switched on, which cannot be undone.
// Answers are 200 with ok true or false. A first answer holds a bot's pair at its top, which
// is what is read; one for a user token alone holds it in authed_user, and its pair has to be
// imported. Refreshes of both kinds answer at the top.
func slack() Provider {
	return Provider{
		Name:                "slack",
		Title:               "Slack",
		AuthURL:             "https://slack.com/oauth/v2/authorize",
		TokenURL:            "https://slack.com/api/oauth.v2.access",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		DeadAnswers:         []DeadAnswer{{Value: "invalid_refresh_token"}},
		AccessTokenLifetime: 12 * time.Hour,
		GrantEnds:           "Slack gives refresh tokens only to apps with token rotation switched on, and ends them when the app is removed from the workspace",
		Scopes:              []string{"users:read"},
		Dialect:             RFC6749,
		Source: Source{
			Page: `Slack developer docs, "Using token rotation"; errors of oauth.v2.access as Slack's SDKs list them`,
			Read: readOn,
			Unverified: "what a lost answer and what a reuse does; whether errors come with 200 or 400; that PKCE is taken from an app with a secret; " +
				"commas between scopes: Token Keeper sends blanks",
		},
	}
}

// spotify's grants end six months after their consent, since June 2026 for new apps and
// July 2026 for others; a refresh does not extend them. An answer may hold a new refresh
// token.
func spotify() Provider {
	return Provider{
		Name:                "spotify",
		Title:               "Spotify",
		AuthURL:             "https://accounts.spotify.com/authorize",
		TokenURL:            "https://accounts.spotify.com/api/token",
		AuthStyle:           AuthHeader,
		Rotation:            Sometimes,
		AccessTokenLifetime: time.Hour,
		GrantLife:           sixMonths,
		GrantEnds:           "Spotify ends every grant six months after its consent",
		Scopes:              []string{"user-read-private"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Spotify for Developers, "Introducing refresh token expiration" (2026-06-18)`,
			Read:       readOn,
			Unverified: "when an answer holds a new refresh token; what a reuse does",
		},
	}
}

// xCom gives a refresh token only to the scope offline.access. A dead one is answered
// invalid_request: the form of the request is fixed, so that nothing else of it can be wrong.
func xCom() Provider {
	return Provider{
		Name:                "x",
		Title:               "X",
		AuthURL:             "https://x.com/i/oauth2/authorize",
		TokenURL:            "https://api.x.com/2/oauth2/token",
		RevokeURL:           "https://api.x.com/2/oauth2/revoke",
		AuthStyle:           AuthHeader,
		Rotation:            SingleUse,
		DeadAnswers:         []DeadAnswer{{Status: 400, Value: "invalid_request"}},
		AccessTokenLifetime: 2 * time.Hour,
		Scopes:              []string{"tweet.read", "users.read", "offline.access"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `X developer platform, "OAuth 2.0 Authorization Code Flow with PKCE" and "How to connect to endpoints"`,
			Read:       readOn,
			Unverified: "that a refresh token is for one use, and invalid_request for a dead one, by reports; what a lost answer and what a reuse does; the end of a grant; the revocation",
		},
	}
}

// zoom takes the latest refresh token only. Older refusals are 401 invalid_request, with
// the same reason. Scopes are chosen with the app's registration.
func zoom() Provider {
	return Provider{
		Name:                "zoom",
		Title:               "Zoom",
		AuthURL:             "https://zoom.us/oauth/authorize",
		TokenURL:            "https://zoom.us/oauth/token",
		AuthStyle:           AuthHeader,
		Rotation:            SingleUse,
		DeadAnswers:         []DeadAnswer{{Field: "reason", Value: "Invalid Token!"}},
		AccessTokenLifetime: time.Hour,
		GrantIdle:           90 * day,
		GrantEnds:           "Zoom ends a refresh token after about 90 days without a refresh",
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Zoom developer forum (staff); Zoom's own plug-in, "Token Lifecycle"; raycast extensions issue 10896 and remote-office-hours-queue issue 363 for the refusal`,
			Read:       readOn,
			Unverified: "its page on OAuth was out of reach; the 90 days are \"common\" in the plug-in's words; what a lost answer and what a reuse does",
		},
	}
}
