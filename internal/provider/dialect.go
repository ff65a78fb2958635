package provider

import (
	"encoding/json"
	"net/http"

	"tokenkeeper/internal/token"
)

// Dialect names how a provider's answers differ from RFC 6749 section 5. It is
// a pure translation of one [Answer] into another and judges nothing, so all
// providers are judged by the same rules.
type Dialect string

const (
	// RFC6749 needs no translation.
	RFC6749 Dialect = "rfc6749"
	// FitbitErrors is Fitbit's errors[] with its own word for "too many calls".
	FitbitErrors Dialect = "fitbit"
)

// translate gives the answer as a provider of RFC 6749 would have sent it.
func (d Dialect) translate(a Answer) Answer {
	if d == FitbitErrors {
		return fromFitbit(a)
	}
	return a
}

// fromFitbit turns {"errors":[{"errorType":…,"message":…}],"success":false}
// into {"error":…}. The message is dropped: it echoes the refresh token, or the
// whole Basic header. Successes are RFC 6749's already.
func fromFitbit(a Answer) Answer {
	var body struct {
		Errors []struct {
			ErrorType string `json:"errorType"`
		} `json:"errors"`
	}
	if a.decode(&body) != "" || len(body.Errors) == 0 {
		return a
	}
	code := body.Errors[0].ErrorType
	// "system" is Fitbit's rate limit. With a 5xx it is an outage and with 410 the
	// end of the API, and the status says so.
	if code == "system" && a.Status >= 400 && a.Status < 500 && a.Status != http.StatusGone {
		a.Status = http.StatusTooManyRequests
	}
	plain, _ := json.Marshal(map[string]string{"error": code}) // strings always marshal
	a.Body = token.NewSecret(string(plain))
	return a
}
