package provider

import (
	"time"

	"tokenkeeper/internal/token"
)

// healthRows are the providers of health and training data.
func healthRows() []Provider {
	return []Provider{fitbit(), googleHealth(), oura(), strava(), wahoo(), whoop(), withings()}
}

// fitbit's replay window is the two minutes that its older wording gives; the current
// one says only that an identical request repeats the answer until a new token is used.
func fitbit() Provider {
	return Provider{
		Name:                 token.DefaultProvider,
		Title:                "Fitbit",
		AuthURL:              "https://www.fitbit.com/oauth2/authorize",
		TokenURL:             "https://api.fitbit.com/oauth2/token",
		RevokeURL:            "https://api.fitbit.com/oauth2/revoke",
		AuthStyle:            AuthHeader,
		Rotation:             SingleUse,
		ReplayWindow:         2 * time.Minute,
		ReplayEndsOnUse:      true,
		AccessTokenLifetime:  8 * time.Hour,
		Scopes:               []string{"activity", "heartrate", "profile", "sleep", "weight"},
		Dialect:              FitbitErrors,
		RateLimitResetHeader: "Fitbit-Rate-Limit-Reset",
		Status:               Status{Retired: true, Successor: "google-health", Since: "autumn 2026"},
		Source: Source{
			Page:       `Fitbit Web API reference, "Authorization" and "Best practices"`,
			Read:       readOn,
			Unverified: "not read again: the pages are going with the API; the length of the replay window, from their older wording; what a reuse does",
		},
	}
}

// googleHealth gets a refresh token only with access_type=offline, and a second one only
// with prompt=consent. An answer states the grant's end where the consent is for a time.
func googleHealth() Provider {
	const scope = "https://www.googleapis.com/auth/googlehealth."
	return Provider{
		Name:                "google-health",
		Title:               "Google Health",
		AuthURL:             "https://accounts.google.com/o/oauth2/v2/auth",
		TokenURL:            "https://oauth2.googleapis.com/token",
		RevokeURL:           "https://oauth2.googleapis.com/revoke",
		AuthStyle:           AuthBody,
		Revocation:          RevokeUnsigned,
		Rotation:            NoRotation,
		AccessTokenLifetime: time.Hour,
		GrantIdle:           sixMonths,
		GrantLifetimeField:  "refresh_token_expires_in",
		GrantEnds: "Google Health ends a refresh token after 7 days while the app's consent screen is in testing, after six months without use, " +
			"and when the account owner has granted more than 100 to one client",
		Scopes: []string{
			scope + "activity_and_fitness.readonly",
			scope + "health_metrics_and_measurements.readonly",
			scope + "profile.readonly",
			scope + "sleep.readonly",
		},
		AuthParams: map[string]string{"access_type": "offline", "prompt": "consent"},
		Dialect:    RFC6749,
		Source: Source{
			Page:       `Google Identity, "Using OAuth 2.0 for Web Server Applications" and "Using OAuth 2.0 to Access Google APIs"; Google Health API, "Scopes"`,
			Read:       readOn,
			Unverified: "not read again, from the first reading: when refresh_token_expires_in is sent",
		},
	}
}

// oura takes a token to revoke in the URL only, where no token may be, so RevokeURL is
// empty. Apps of its new developer portal have another token endpoint; the old one answers
// them invalid_request, which therefore stands for no dead grant by itself.
func oura() Provider {
	return Provider{
		Name:                "oura",
		Title:               "Oura",
		AuthURL:             "https://cloud.ouraring.com/oauth/authorize",
		TokenURL:            "https://api.ouraring.com/oauth/token",
		TokenURLs:           map[string]string{"moi": "https://moi.ouraring.com/oauth/v2/ext/oauth-token"},
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		DeadAnswers:         []DeadAnswer{{Field: "detail", Value: "Token already used or revoked"}},
		AccessTokenLifetime: day,
		Scopes:              []string{"daily", "heartrate", "personal", "workout"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Oura API, "Authentication" and "Error Handling"; Oura-Home-Assistant-Integration issues 61 and 68 for the new portal`,
			Read:       readOn,
			Unverified: "the consent page of the new portal; what a lost answer and what a reuse does",
		},
	}
}

// strava repeats the access token in force while more than an hour of its life is left.
// Its refresh token may be a new one, which ends the old one at once.
func strava() Provider {
	return Provider{
		Name:                "strava",
		Title:               "Strava",
		AuthURL:             "https://www.strava.com/oauth/authorize",
		TokenURL:            "https://www.strava.com/oauth/token",
		RevokeURL:           "https://www.strava.com/oauth/deauthorize",
		AuthStyle:           AuthBody,
		Revocation:          RevokeByAccess,
		Rotation:            Sometimes,
		AccessTokenLifetime: 6 * time.Hour,
		RenewsWithin:        time.Hour,
		Scopes:              []string{"read", "activity:read"},
		Dialect:             StravaErrors,
		Source: Source{
			Page:       `Strava developers, "Authentication" (developers.strava.com pull request 104 for its words)`,
			Read:       readOn,
			Unverified: "what a reuse does; the form of a revocation, not read again",
		},
	}
}

// wahoo ends the old pair with the first successful call that shows the new access token,
// and names no time; the window is the access token's life. It counts access tokens that
// were never used: an account whose tokens nothing reads fails at the eleventh.
func wahoo() Provider {
	return Provider{
		Name:                "wahoo",
		Title:               "Wahoo",
		AuthURL:             "https://api.wahooligan.com/oauth/authorize",
		TokenURL:            "https://api.wahooligan.com/oauth/token",
		RevokeURL:           "https://api.wahooligan.com/v1/permissions",
		AuthStyle:           AuthBody,
		Revocation:          RevokeByBearer,
		Rotation:            SingleUse,
		ReplayWindow:        2 * time.Hour,
		ReplayEndsOnUse:     true,
		EndsAccessToken:     true,
		AccessTokenLifetime: 2 * time.Hour,
		GrantEnds:           "Wahoo allows ten unrevoked access tokens for each user and app, and revokes one only when its successor is used",
		Scopes:              []string{"user_read", "workouts_read", "offline_data"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Wahoo Cloud API reference, "Authentication" and "Token Limits", as quoted in quantified-self issue 589; developers.wahooligan.com, "Cloud API"`,
			Read:       readOn,
			Unverified: "the reference itself was out of reach; whether a repeat gets the same pair or another; what a reuse does; the form of a revocation; a dead grant, reported as 400 without an error code",
		},
	}
}

// whoop asks for the scope offline at the consent and at each refresh, or that refresh is
// the last one. The rate limit's header is in "API Rate Limiting".
func whoop() Provider {
	return Provider{
		Name:                 "whoop",
		Title:                "WHOOP",
		AuthURL:              "https://api.prod.whoop.com/oauth/oauth2/auth",
		TokenURL:             "https://api.prod.whoop.com/oauth/oauth2/token",
		RevokeURL:            "https://api.prod.whoop.com/developer/v2/user/access",
		AuthStyle:            AuthBody,
		Revocation:           RevokeByBearer,
		Rotation:             SingleUse,
		AccessTokenLifetime:  time.Hour,
		Scopes:               []string{"offline", "read:cycles", "read:profile", "read:recovery", "read:sleep", "read:workout"},
		RefreshParams:        map[string]string{"scope": "offline"},
		Dialect:              RFC6749,
		RateLimitResetHeader: "X-RateLimit-Reset",
		Source: Source{
			Page:       `WHOOP developer documentation, "OAuth 2.0", "Refreshing Access Tokens" and "API Rate Limiting"`,
			Read:       readOn,
			Unverified: "what a lost answer and what a reuse does; whether a refresh ends the access token before it",
		},
	}
}

// withings takes signed revocation requests only, which is another protocol, so RevokeURL
// is empty. Its status 601 says "Same arguments in less than 10 seconds".
func withings() Provider {
	return Provider{
		Name:                "withings",
		Title:               "Withings",
		AuthURL:             "https://account.withings.com/oauth2_user/authorize2",
		TokenURL:            "https://wbsapi.withings.net/v2/oauth2",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		ReplayWindow:        8 * time.Hour,
		ReplayEndsOnUse:     true,
		RepeatPause:         10 * time.Second,
		AccessTokenLifetime: 3 * time.Hour,
		GrantIdle:           365 * day,
		GrantEnds:           "Withings ends a refresh token that is not used for a year",
		Scopes:              []string{"user.info", "user.metrics", "user.activity"},
		Dialect:             WithingsEnvelope,
		Source: Source{
			Page:       `Withings developer guide, "Access and refresh tokens"; API reference, "Response status"`,
			Read:       readOn,
			Unverified: "what a reuse does; the pause of ten seconds is in people's logs (MMM-withings issue 15)",
		},
	}
}
