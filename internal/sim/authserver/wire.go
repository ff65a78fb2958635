package authserver

import (
	"net/http"
	"time"
)

// wire is how a provider's answers look. It is given what is to be said and
// decides nothing.
type wire interface {
	// issued is the status and the JSON of an answer with tokens.
	issued(i issue) (status int, body any)
	// refused is that of an error. code is RFC 6749's, or a word that only Fitbit
	// has; what says which parameter was wrong, message is for people.
	refused(r refusal) (status int, body any)
	// scopeSeparator stands between scopes.
	scopeSeparator() string
}

// issue is an answer with tokens before a provider has put it into words. What
// is nil is left out.
type issue struct {
	access, refresh *string
	expiresIn       int // seconds
	expiresAt       time.Time
	scope, user     string
}

// refusal is an error before a provider has put it into words.
type refusal struct {
	status  int
	code    string
	what    parameter
	message string
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

// stravaWire names the wrong thing where others name the error, says twice when
// the access token ends, and has commas between scopes.
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

// withingsWire says everything with 200, and what it means inside.
type withingsWire struct{}

type envelope struct {
	Status int    `json:"status"`
	Body   any    `json:"body"`
	Error  string `json:"error,omitempty"`
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
		return http.StatusOK, envelope{601, struct{}{}, "Too many requests"}
	case r.status == http.StatusGone:
		return r.status, envelope{2554, struct{}{}, "Not implemented"}
	case r.what == theRequest:
		return http.StatusOK, envelope{503, struct{}{}, "Invalid Params: " + r.message}
	default:
		return http.StatusOK, envelope{503, struct{}{}, "Invalid Params: invalid " + string(r.what) + ". " + r.message}
	}
}

func (withingsWire) scopeSeparator() string { return "," }
