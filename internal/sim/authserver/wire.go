package authserver

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// wire is the format of a provider's answers. It decides nothing.
type wire interface {
	// issued is the status and the JSON of an answer with tokens.
	issued(i issue) (status int, body any)
	// refused is that of an error. Its code is RFC 6749's, or one that only Fitbit has.
	refused(r refusal) (status int, body any)
	scopeSeparator() string
}

// issue is the content of an answer with tokens. What is nil is left out.
type issue struct {
	access, refresh *string
	expiresIn       int // seconds
	expiresAt       time.Time
	scope, user     string
}

// refusal is the content of an error.
type refusal struct {
	status  int
	code    string
	what    parameter
	message string
	wait    time.Duration // only in the body of a provider with WaitInBody
}

// parameter is what a request was refused for.
type parameter string

const (
	theRequest      parameter = ""
	theRefreshToken parameter = "refresh_token"
	theCode         parameter = "code"
	theClient       parameter = "client_id"
)

// plainWire is RFC 6749 section 5.
type plainWire struct{}

type plainTokens struct {
	AccessToken  *string `json:"access_token,omitempty"`
	ExpiresIn    int     `json:"expires_in"`
	RefreshToken *string `json:"refresh_token,omitempty"`
	Scope        string  `json:"scope,omitempty"`
	TokenType    string  `json:"token_type"`
}

func (plainWire) issued(i issue) (int, any) {
	return http.StatusOK, plainTokens{AccessToken: i.access, ExpiresIn: i.expiresIn, RefreshToken: i.refresh, Scope: i.scope, TokenType: "Bearer"}
}

func (plainWire) refused(r refusal) (int, any) {
	return r.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{r.code, r.message}
}

func (plainWire) scopeSeparator() string { return " " }

// fitbitWire is Fitbit's: tokens with a user_id, and errors that are not RFC
// 6749's.
type fitbitWire struct{ plainWire }

func (w fitbitWire) issued(i issue) (int, any) {
	status, plain := w.plainWire.issued(i)
	return status, struct {
		plainTokens
		UserID string `json:"user_id"`
	}{plain.(plainTokens), i.user}
}

func (fitbitWire) refused(r refusal) (int, any) {
	type entry struct {
		ErrorType string `json:"errorType"`
		Message   string `json:"message"`
	}
	return r.status, struct {
		Errors  []entry `json:"errors"`
		Success bool    `json:"success"`
	}{Errors: []entry{{r.code, r.message}}}
}

// stravaWire names the wrong parameter where others name the error, gives the access
// token's end twice, and has commas between scopes.
type stravaWire struct{}

func (stravaWire) issued(i issue) (int, any) {
	return http.StatusOK, struct {
		TokenType    string  `json:"token_type"`
		AccessToken  *string `json:"access_token,omitempty"`
		ExpiresAt    int64   `json:"expires_at"`
		ExpiresIn    int     `json:"expires_in"`
		RefreshToken *string `json:"refresh_token,omitempty"`
	}{"Bearer", i.access, i.expiresAt.Unix(), i.expiresIn, i.refresh}
}

func (stravaWire) refused(r refusal) (int, any) {
	type entry struct {
		Resource string `json:"resource"`
		Field    string `json:"field"`
		Code     string `json:"code"`
	}
	resources := map[parameter]string{theRefreshToken: "RefreshToken", theCode: "AuthorizationCode", theClient: "Application"}
	message := "Bad Request"
	if r.status == http.StatusUnauthorized {
		message = "Authorization Error"
	}
	return r.status, struct {
		Message string  `json:"message"`
		Errors  []entry `json:"errors"`
	}{message, []entry{{resources[r.what], string(r.what), "invalid"}}}
}

func (stravaWire) scopeSeparator() string { return "," }

// withingsWire answers with 200 and has its own status inside.
type withingsWire struct{}

type envelope struct {
	Status int    `json:"status"`
	Body   any    `json:"body"`
	Error  string `json:"error,omitempty"`
}

// waitBody says when to ask again, in seconds; empty without a wait.
type waitBody struct {
	WaitSeconds int `json:"wait_seconds,omitempty"`
}

func (withingsWire) issued(i issue) (int, any) {
	return http.StatusOK, envelope{Body: struct {
		UserID       string  `json:"userid"`
		AccessToken  *string `json:"access_token,omitempty"`
		RefreshToken *string `json:"refresh_token,omitempty"`
		ExpiresIn    int     `json:"expires_in"`
		Scope        string  `json:"scope,omitempty"`
		TokenType    string  `json:"token_type"`
	}{i.user, i.access, i.refresh, i.expiresIn, i.scope, "Bearer"}}
}

func (withingsWire) refused(r refusal) (int, any) {
	switch {
	case r.status == http.StatusTooManyRequests:
		return http.StatusOK, envelope{601, waitBody{int(math.Ceil(r.wait.Seconds()))}, r.message}
	case r.status == http.StatusGone:
		return r.status, envelope{2554, struct{}{}, "Not implemented"}
	case r.what == theRequest:
		return http.StatusOK, envelope{503, struct{}{}, "Invalid Params: " + r.message}
	default:
		return http.StatusOK, envelope{503, struct{}{}, "Invalid Params: invalid " + string(r.what) + ". " + r.message}
	}
}

func (withingsWire) scopeSeparator() string { return "," }

// reply is an answer before it is sent, so that a fault can still change it.
// Where tokens or refused is set, the provider's wire makes status and body.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	tokens  *issue
	refused *refusal
	// truncated announces the whole body and sends half of it.
	truncated bool
	// pause between the bytes of the body; zero sends it at once.
	pause time.Duration
	// endless is how many bytes the body goes on for, unannounced.
	endless int
}

func jsonReply(status int, body any) reply {
	encoded, err := json.Marshal(body)
	if err != nil {
		return textReply(http.StatusInternalServerError, "text/plain", err.Error())
	}
	r := textReply(status, "application/json;charset=UTF-8", string(encoded))
	r.header.Set("Cache-Control", "no-store")
	return r
}

func textReply(status int, contentType, body string) reply {
	return reply{
		status: status,
		header: http.Header{"Content-Type": {contentType}},
		body:   []byte(body),
	}
}

// tokenReply is an answer with tokens, in the provider's format.
func tokenReply(i issue) reply {
	r := jsonReply(http.StatusOK, nil)
	r.tokens = &i
	return r
}

// refuse is an error, in the provider's format.
func refuse(status int, code string, what parameter, message string) reply {
	r := jsonReply(status, nil)
	r.refused = &refusal{status: status, code: code, what: what, message: message}
	return r
}

func invalidRequest(message string) reply {
	return refuse(http.StatusBadRequest, "invalid_request", theRequest, message)
}

func invalidGrant(what parameter, message string) reply {
	return refuse(http.StatusBadRequest, "invalid_grant", what, message)
}

// invalidClient repeats the Authorization header, as one form of Fitbit's real answer
// does.
func invalidClient(header string) reply {
	return refuse(http.StatusUnauthorized, "invalid_client", theClient, "Client authentication failed. Received header = "+header)
}

// in gives the reply a provider's format.
func (r reply) in(w wire) reply {
	var status int
	var body any
	switch {
	case r.tokens != nil:
		status, body = w.issued(*r.tokens)
	case r.refused != nil:
		status, body = w.refused(*r.refused)
	default:
		return r
	}
	formatted := jsonReply(status, body)
	formatted.header, formatted.truncated, formatted.pause = r.header, r.truncated, r.pause
	return formatted
}

// lengthened adds to the end of both tokens. An answer without tokens stays as it is.
func (r reply) lengthened(by string) reply {
	if r.tokens == nil {
		return r
	}
	changed := *r.tokens
	for _, t := range []**string{&changed.access, &changed.refresh} {
		if *t != nil {
			longer := **t + by
			*t = &longer
		}
	}
	r.tokens = &changed
	return r
}

func (r reply) write(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	body := r.body
	if r.truncated {
		// net/http closes the connection when less arrives than was announced.
		body = body[:len(body)/2]
	}
	_, _ = w.Write(body) // fails where the client is gone
}
