package provider

import (
	"encoding/json"
	"net/http"
	"strings"

	"tokenkeeper/internal/token"
)

// withingsAnswer is {"status":0,"body":{…}} for a success and
// {"status":503,"body":{},"error":"Invalid Params: …"} for a failure, both with
// HTTP 200 (Withings API reference, "Response status" and "Get your access token").
type withingsAnswer struct {
	Status *int            `json:"status"`
	Body   json.RawMessage `json:"body"`
	Error  lenient         `json:"error"`
}

// fromWithings takes the envelope off. What is no envelope, such as a gateway's
// page, is left as it came; so is any answer that HTTP itself calls a failure.
func fromWithings(a Answer) Answer {
	// An envelope that is whole says so itself; see readPair.
	whole := a
	whole.Cut = a.Cut && !json.Valid([]byte(a.Body.Reveal()))
	var envelope withingsAnswer
	if a.Status < 200 || a.Status > 299 || whole.decode(&envelope) != "" || envelope.Status == nil {
		return a
	}
	if *envelope.Status != 0 {
		return refusal(whole, withingsStatus(*envelope.Status, string(envelope.Error)), withingsCode(*envelope.Status, string(envelope.Error)))
	}
	whole.Body = token.NewSecret(string(renamed(envelope.Body, "userid", "user_id")))
	return whole
}

// The numbers of Withings' table "Response status" that a token endpoint has
// been seen to send. It has one number, 503, for every parameter that it does
// not like, and names the parameter in its message.
const (
	withingsInvalidParams   = 503
	withingsTooManyRequests = 601
)

// withingsCode is the OAuth code that stands for a status. Only the name of a
// parameter is read out of the message, and none of it is passed on.
func withingsCode(status int, message string) string {
	message = strings.ToLower(message)
	names := func(parameter string) bool { return strings.Contains(message, parameter) }
	switch {
	case status == withingsTooManyRequests, outage(status):
		return "temporarily_unavailable"
	case status != withingsInvalidParams && !unauthenticated(status):
		return ""
	case names("client_id"), names("client_secret"), names("client id"), names("client secret"):
		return "invalid_client"
	case names("refresh_token"), names("refresh token"), names("invalid code"), names("authorization code"):
		return "invalid_grant"
	case status == withingsInvalidParams:
		return "invalid_request"
	default:
		return "invalid_token"
	}
}

// withingsStatus is the HTTP status that RFC 6749 would have had for it.
func withingsStatus(status int, message string) int {
	switch {
	case status == withingsTooManyRequests:
		return http.StatusTooManyRequests
	case outage(status):
		return http.StatusServiceUnavailable
	case withingsCode(status, message) == "invalid_client":
		return http.StatusUnauthorized
	default:
		return http.StatusBadRequest
	}
}

// unauthenticated are the numbers under "Authentication failed".
func unauthenticated(status int) bool {
	return status >= 100 && status <= 102 || status == 200 || status == 401
}

// outage are those under "Timeout" and "Bad state", and the one for "an error
// occurred" of the service's own.
func outage(status int) bool { return status == 522 || status == 524 || status == 2555 }

// renamed is the JSON object with one key under another name; as it is where it
// is no object or has no such key.
func renamed(object json.RawMessage, from, to string) json.RawMessage {
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
