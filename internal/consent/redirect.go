package consent

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tokenkeeper/internal/token"
)

// Redirect is the provider's answer in the redirect's query.
type Redirect struct {
	Code token.Secret
	// Scope is what was granted, from providers that say so here and not in the
	// answer to the code. It is written as the provider writes lists.
	Scope string
}

var (
	// ErrOtherAttempt: the state is not this attempt's. The redirect is an old one,
	// or forged to slip in a consent to another account (RFC 6749 section 10.12).
	ErrOtherAttempt = errors.New("it belongs to another attempt (its state is not the one of this attempt)")
	// ErrDenied: the user refused the consent.
	ErrDenied = errors.New("the consent was refused")
	// ErrNoAnswer: the address has neither a code nor an error.
	ErrNoAnswer = errors.New("it holds no code")
)

// ReadRedirect reads the query of the redirect that answers the request with this
// state. Its errors quote nothing of the query but known error codes.
func ReadRedirect(query url.Values, state string) (Redirect, error) {
	// Fitbit appends #_=_ as a fragment, which becomes part of the last value
	// where the address was copied from a place that escapes it.
	code, problem := strings.TrimSuffix(query.Get("code"), "#_=_"), query.Get("error")
	switch {
	case code == "" && problem == "":
		return Redirect{}, ErrNoAnswer
	case query.Get("state") != state:
		return Redirect{}, ErrOtherAttempt
	case problem != "":
		return Redirect{}, refusal(problem)
	}
	return Redirect{Code: token.NewSecret(code), Scope: query.Get("scope")}, nil
}

// refusal explains an error code (RFC 6749 section 4.1.2.1).
func refusal(code string) error {
	switch code {
	case "access_denied":
		return ErrDenied
	case "invalid_scope":
		return errors.New("the provider does not know a scope that was asked for (invalid_scope); see --scopes")
	case "unauthorized_client":
		return errors.New("the app may not ask for a consent in this way (unauthorized_client); see its settings at the provider")
	case "redirect_uri_mismatch":
		return errors.New("the redirect URL is not one of the app's (redirect_uri_mismatch); register it at the provider, or name a registered one with --redirect-url")
	case "server_error", "temporarily_unavailable":
		return fmt.Errorf("the provider failed (%s); try again later", code)
	case "invalid_request", "unsupported_response_type", "login_required", "consent_required", "interaction_required":
		return fmt.Errorf("the provider rejects the request (%s); see the app's settings there, and the provider's entry in the providers file", code)
	}
	return errors.New("the provider answered with an unknown error; see the browser's address bar")
}

// ReadPasted reads an address that the user copied from the browser's address bar.
// After errors other than ErrDenied the user can paste again.
func ReadPasted(text, redirectURI, state string) (Redirect, error) {
	text = strings.TrimSuffix(strings.Trim(strings.TrimSpace(text), `"'<>`), "#_=_")
	if text == "" {
		return Redirect{}, errors.New("nothing was pasted")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return Redirect{}, errors.New("that is not an address; paste all of what the browser's address bar shows")
	case u.Scheme == "" && !strings.ContainsAny(text, "=?&/"):
		return Redirect{}, errors.New("that looks like the code alone; paste the whole address, beginning with " + redirectURI + ", for its state is checked too")
	case u.Query().Get("client_id") != "" && u.Query().Get("code") == "" && u.Query().Get("error") == "":
		return Redirect{}, errors.New("that is the consent page's address; allow it there, and paste where the browser goes then")
	}
	redirect, err := ReadRedirect(u.Query(), state)
	if errors.Is(err, ErrNoAnswer) {
		return Redirect{}, fmt.Errorf("that address holds no code; paste the one that begins with %s and has code= in it", redirectURI)
	}
	return redirect, err
}
