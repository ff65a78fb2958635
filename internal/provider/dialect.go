package provider

import (
	"encoding/json"
	"strings"

	"tokenkeeper/internal/token"
)

// Dialect names how a provider's messages differ from RFC 6749. It is a pure
// translation of one [Answer] into another and of one form into another, and
// judges nothing, so all providers are judged by the same rules.
type Dialect string

const (
	// RFC6749 needs no translation.
	RFC6749 Dialect = "rfc6749"
	// FitbitErrors is Fitbit's errors[] with its own word for "too many calls".
	FitbitErrors Dialect = "fitbit"
	// WithingsEnvelope is 200 for everything, with a status and a body inside, an
	// action in each request, and commas between scopes.
	WithingsEnvelope Dialect = "withings"
	// StravaErrors is errors[] of resource, field and code, and commas between
	// scopes.
	StravaErrors Dialect = "strava"
)

// translate gives the answer as a provider of RFC 6749 would have sent it.
func (d Dialect) translate(a Answer) Answer {
	switch d {
	case FitbitErrors:
		return fromFitbit(a)
	case WithingsEnvelope:
		return fromWithings(a)
	case StravaErrors:
		return fromStrava(a)
	default:
		return a
	}
}

// tokenForm is what a request to the token endpoint carries beside RFC 6749's
// parameters.
func (d Dialect) tokenForm() map[string]string {
	if d == WithingsEnvelope {
		return map[string]string{"action": "requesttoken"}
	}
	return nil
}

// scopeSeparator stands between scopes, in requests and in answers: a space, by
// RFC 6749 section 3.3.
func (d Dialect) scopeSeparator() string {
	if d == WithingsEnvelope || d == StravaErrors {
		return ","
	}
	return " "
}

// splitScopes reads a list of scopes. Where the provider's own separator is a
// comma a space is one too.
func (d Dialect) splitScopes(list string) []string {
	if separator := d.scopeSeparator(); separator != " " {
		list = strings.ReplaceAll(list, separator, " ")
	}
	return strings.Fields(list)
}

// refusal is an RFC 6749 error with the given code and nothing else: whatever the
// provider said beside it may echo a token.
func refusal(a Answer, status int, code string) Answer {
	plain, _ := json.Marshal(map[string]string{"error": code}) // strings always marshal
	a.Status, a.Body = status, token.NewSecret(string(plain))
	return a
}
