package provider

import (
	"encoding/json"
	"net/http"
	"strings"

	"tokenkeeper/internal/token"
)

// Dialect names how a provider's messages differ from RFC 6749. It is a pure
// translation of one [Answer] into another and of one form into another and
// classifies nothing, so all providers are held to the same rules.
type Dialect string

const (
	// RFC6749 needs no translation.
	RFC6749 Dialect = "rfc6749"
	// FitbitErrors is Fitbit's errors[] with a code of its own for "too many calls".
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

// tokenForm is what a token request carries beside RFC 6749's parameters.
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

// splitScopes reads a list of scopes. Spaces separate them in every dialect.
func (d Dialect) splitScopes(list string) []string {
	return strings.Fields(strings.ReplaceAll(list, d.scopeSeparator(), " "))
}

// refusal is an RFC 6749 error with the given code and nothing else, because the
// rest of the provider's body may echo a token.
func refusal(a Answer, status int, code string) Answer {
	plain, _ := json.Marshal(map[string]string{"error": code}) // strings always marshal
	a.Status, a.Body = status, token.NewSecret(string(plain))
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
	code, status := body.Errors[0].ErrorType, a.Status
	// "system" is Fitbit's rate limit. With a 5xx it is an outage and with 410 the
	// end of the API, by the status.
	if code == "system" && status >= 400 && status < 500 && status != http.StatusGone {
		status = http.StatusTooManyRequests
	}
	return refusal(a, status, code)
}

// fromStrava turns {"message":"Bad Request","errors":[{"resource":"RefreshToken",
// "field":"refresh_token","code":"invalid"}]} into {"error":"invalid_grant"}. Only
// the resource is read: it names the wrong secret. Successes are RFC 6749's
// already, but for expires_at, which repeats expires_in.
func fromStrava(a Answer) Answer {
	var body struct {
		Errors []struct {
			Resource string `json:"resource"`
		} `json:"errors"`
	}
	if a.Status < 400 || a.Status >= 500 || a.decode(&body) != "" || len(body.Errors) == 0 {
		return a
	}
	switch body.Errors[0].Resource {
	case "RefreshToken", "AuthorizationCode":
		return refusal(a, a.Status, "invalid_grant")
	case "Application":
		// A wrong client id comes with 400, a wrong secret with 401.
		if a.Status == http.StatusBadRequest || a.Status == http.StatusUnauthorized {
			return refusal(a, http.StatusUnauthorized, "invalid_client")
		}
	}
	return a
}

// withingsAnswer is {"status":0,"body":{…}} for a success and
// {"status":503,"body":{},"error":"Invalid Params: …"} for a failure, both with
// HTTP 200 (Withings API reference, "Response status" and "Get your access token").
type withingsAnswer struct {
	Status *int            `json:"status"`
	Body   json.RawMessage `json:"body"`
	Error  looseString     `json:"error"`
}

// fromWithings takes the envelope off. An answer without an envelope, such as a
// gateway's page, stays as it is; so does any with an HTTP status of failure.
func fromWithings(a Answer) Answer {
	whole := a.ignoreLateCut()
	var envelope withingsAnswer
	if a.Status < 200 || a.Status > 299 || whole.decode(&envelope) != "" || envelope.Status == nil {
		return a
	}
	if *envelope.Status != 0 {
		status, code := withingsRefusal(*envelope.Status, string(envelope.Error))
		return withWait(refusal(whole, status, code), envelope.Body)
	}
	whole.Body = token.NewSecret(string(renameKey(envelope.Body, "userid", "user_id")))
	return whole
}

// withWait puts body.wait_seconds where RFC 9110 has it.
func withWait(a Answer, body json.RawMessage) Answer {
	var wait struct {
		Seconds looseString `json:"wait_seconds"`
	}
	if json.Unmarshal(body, &wait) != nil || wait.Seconds == "" {
		return a
	}
	a.Header = a.Header.Clone()
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set("Retry-After", string(wait.Seconds))
	return a
}

// The numbers of Withings' table "Response status" that token endpoints are known
// to send. 503 stands for every wrong parameter; the message names which.
const (
	withingsInvalidParams   = 503
	withingsTooManyRequests = 601
)

// withingsRefusal is the HTTP status and the OAuth code that stand for a failure.
// Only the name of a parameter is read out of the message, and none of it is
// passed on.
func withingsRefusal(status int, message string) (httpStatus int, code string) {
	message = strings.ToLower(message)
	names := func(parameter string) bool { return strings.Contains(message, parameter) }
	switch {
	case status == withingsTooManyRequests:
		return http.StatusTooManyRequests, "temporarily_unavailable"
	case withingsOutage(status):
		return http.StatusServiceUnavailable, "temporarily_unavailable"
	case status != withingsInvalidParams && !withingsUnauthenticated(status):
		return http.StatusBadRequest, ""
	case names("client_id"), names("client_secret"), names("client id"), names("client secret"):
		return http.StatusUnauthorized, "invalid_client"
	case names("refresh_token"), names("refresh token"), names("invalid code"), names("authorization code"):
		return http.StatusBadRequest, "invalid_grant"
	case status == withingsInvalidParams:
		return http.StatusBadRequest, "invalid_request"
	default:
		return http.StatusBadRequest, "invalid_token"
	}
}

// withingsUnauthenticated: the numbers under "Authentication failed".
func withingsUnauthenticated(status int) bool {
	return status >= 100 && status <= 102 || status == 200 || status == 401
}

// withingsOutage: the numbers under "Timeout" and "Bad state", and the one for
// "an error occurred".
func withingsOutage(status int) bool { return status == 522 || status == 524 || status == 2555 }

// renameKey renames one key of a JSON object; anything else stays as it is.
func renameKey(object json.RawMessage, from, to string) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil || fields[from] == nil {
		return object
	}
	fields[to] = fields[from]
	delete(fields, from)
	changed, err := json.Marshal(fields)
	if err != nil {
		return object
	}
	return changed
}
