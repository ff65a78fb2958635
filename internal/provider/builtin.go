package provider

import (
	"time"

	"tokenkeeper/internal/token"
)

// Builtin is the table without any file: a further provider is one more literal
// here and its rows in the tests.
func Builtin() Table {
	return newTable(fitbit(), googleHealth())
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
		IntrospectURL:        "https://api.fitbit.com/1.1/oauth2/introspect",
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
// access_type=offline, and a second one only to prompt=consent. It has no
// RFC 7662 introspection.
func googleHealth() Provider {
	const scope = "https://www.googleapis.com/auth/googlehealth."
	return Provider{
		Name:                "google-health",
		Title:               "Google Health",
		AuthURL:             "https://accounts.google.com/o/oauth2/v2/auth",
		TokenURL:            "https://oauth2.googleapis.com/token",
		RevokeURL:           "https://oauth2.googleapis.com/revoke",
		AuthStyle:           AuthBody,
		Rotation:            NoRotation,
		AccessTokenLifetime: time.Hour,
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
