package authserver

import (
	"math"
	"net/http"
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
	noExpiry        bool
	expiresAt       time.Time
	issuedAt        time.Time
	// refreshIn and grantIn are the seconds until the refresh token's and the grant's
	// end; zero for none, or none that is told.
	refreshIn, grantIn int
	scope, user        string
}

// refusal is the content of an error.
type refusal struct {
	status  int
	code    string
	what    parameter
	message string
	wait    time.Duration // only in the body of a provider with WaitInBody
	variant int           // which of the provider's words; see worded.dead
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
	ExpiresIn    *int    `json:"expires_in,omitempty"`
	RefreshToken *string `json:"refresh_token,omitempty"`
	Scope        string  `json:"scope,omitempty"`
	TokenType    string  `json:"token_type"`
}

// expiry is expires_in, nil where a fault leaves it out.
func (i issue) expiry() *int {
	if i.noExpiry {
		return nil
	}
	return &i.expiresIn
}

func (plainWire) issued(i issue) (int, any) {
	return http.StatusOK, plainTokens{AccessToken: i.access, ExpiresIn: i.expiry(), RefreshToken: i.refresh, Scope: i.scope, TokenType: "Bearer"}
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
		ExpiresIn    *int    `json:"expires_in,omitempty"`
		RefreshToken *string `json:"refresh_token,omitempty"`
	}{"Bearer", i.access, i.expiresAt.Unix(), i.expiry(), i.refresh}
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
		ExpiresIn    *int    `json:"expires_in,omitempty"`
		Scope        string  `json:"scope,omitempty"`
		TokenType    string  `json:"token_type"`
	}{i.user, i.access, i.refresh, i.expiry(), i.scope, "Bearer"}}
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
