package provider

import (
	"time"

	"tokenkeeper/internal/token"
)

// Builtin is the table without a providers file: a further provider is one more
// literal here and its rows in the tests.
//
// Reuse is empty where the provider documents nothing about it.
func Builtin() Table {
	t := Table{byName: map[string]Provider{}}
	for _, p := range []Provider{fitbit(), googleHealth(), oura(), strava(), whoop(), withings(), xero()} {
		t.byName[p.Name] = p
	}
	return t
}

// fitbit is as in Fitbit's Web API reference, "Authorization". The replay window
// is the two minutes that its older wording gives; the current one says only
// that an identical request repeats the answer until a new token is used.
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
		AccessTokenLifetime:  8 * time.Hour,
		Scopes:               []string{"activity", "heartrate", "profile", "sleep", "weight"},
		Dialect:              FitbitErrors,
		RateLimitResetHeader: "Fitbit-Rate-Limit-Reset",
		Status:               Status{Retired: true, Successor: "google-health", Since: "autumn 2026"},
	}
}

// googleHealth is as in "Using OAuth 2.0 for Web Server Applications" and the
// Google Health API's "Scopes". Google gives a refresh token only to
// access_type=offline, and a second one only to prompt=consent. Why one may end is
// in "Using OAuth 2.0 to Access Google APIs", "Refresh token expiration".
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
	}
}

// oura is as in the Oura API's "Authentication" and "Error Handling" pages. A
// refresh token "can only be used once"; a lost answer is not mentioned. It takes
// a token to revoke in the URL only, where no token may be, so RevokeURL is empty.
func oura() Provider {
	return Provider{
		Name:                "oura",
		Title:               "Oura",
		AuthURL:             "https://cloud.ouraring.com/oauth/authorize",
		TokenURL:            "https://api.ouraring.com/oauth/token",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		AccessTokenLifetime: 24 * time.Hour,
		Scopes:              []string{"daily", "heartrate", "personal", "workout"},
		Dialect:             RFC6749,
	}
}

// strava is as in the Strava API's "Authentication". A refresh repeats the access
// token that is in force while more than an hour of its life is left. Its refresh
// token may be a new one, which ends the old one at once.
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
	}
}

// whoop is as in the WHOOP developer documentation's "OAuth 2.0" and "Refreshing
// Access Tokens": the consent and each refresh ask for the scope offline. It
// documents no replay. The rate limit's header is in "API Rate Limiting".
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
	}
}

// withings is as in the Withings API reference, "Get your access token" and
// "Refresh your access token": a spent refresh token is good for eight more
// hours, or until the new access token is used. It takes signed revocation
// requests only, which is another protocol, so RevokeURL is empty. Its status 601 says
// "Same arguments in less than 10 seconds".
func withings() Provider {
	return Provider{
		Name:                "withings",
		Title:               "Withings",
		AuthURL:             "https://account.withings.com/oauth2_user/authorize2",
		TokenURL:            "https://wbsapi.withings.net/v2/oauth2",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		ReplayWindow:        8 * time.Hour,
		RepeatPause:         10 * time.Second,
		AccessTokenLifetime: 3 * time.Hour,
		Scopes:              []string{"user.info", "user.metrics", "user.activity"},
		Dialect:             WithingsEnvelope,
	}
}

// xero is as in the Xero developer "OAuth 2.0" pages and FAQ: a refresh that got
// no answer may be repeated with the same token for 30 minutes. Afterwards the old token
// is invalid_grant and the new one works (its developer community, "invalid_grant when
// refreshing a token").
func xero() Provider {
	return Provider{
		Name:                "xero",
		Title:               "Xero",
		AuthURL:             "https://login.xero.com/identity/connect/authorize",
		TokenURL:            "https://identity.xero.com/connect/token",
		RevokeURL:           "https://identity.xero.com/connect/revocation",
		AuthStyle:           AuthHeader,
		Rotation:            SingleUse,
		ReplayWindow:        30 * time.Minute,
		Reuse:               Refused,
		AccessTokenLifetime: 30 * time.Minute,
		Scopes:              []string{"offline_access", "openid", "profile", "email", "accounting.settings.read"},
		Dialect:             RFC6749,
	}
}
