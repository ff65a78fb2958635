package consent

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tokenkeeper/internal/token"
)

// Redirect is what a provider sends the person's browser back with.
type Redirect struct {
	Code token.Secret
	// Scope is what the person granted, where the provider says it here and not
	// in its answer to the code. It is written as the provider writes lists.
	Scope string
}

var (
	// ErrOtherAttempt: the redirect's state is not ours. It is an old one, or
	// somebody wants to slip in a consent of their own (RFC 6749 section 10.12).
	ErrOtherAttempt = errors.New("it belongs to another attempt (its state is not the one of this attempt)")
	// ErrDenied: the person said no.
	ErrDenied = errors.New("the consent was refused")
	// ErrNoAnswer: the address holds no answer of a provider.
	ErrNoAnswer = errors.New("it holds no code")
)

// ReadRedirect reads the query of a redirect that must be the answer to the
// request with this state. It repeats nothing of it but a known error code.
func ReadRedirect(query url.Values, state string) (Redirect, error) {
	code, problem := query.Get("code"), query.Get("error")
	switch {
	case code == "" && problem == "":
		return Redirect{}, ErrNoAnswer
	case query.Get("state") != state:
		return Redirect{}, ErrOtherAttempt
	case problem != "":
		return Redirect{}, refusal(problem)
	}
	// Fitbit's #_=_ becomes a part of the last value where somebody copies
	// the address from a place that escapes it.
	return Redirect{Code: token.NewSecret(strings.TrimSuffix(code, "#_=_")), Scope: query.Get("scope")}, nil
}

// refusal says in words what an error code means (RFC 6749 section 4.1.2.1).
func refusal(code string) error {
	switch code {
	case "access_denied":
		return ErrDenied
	case "invalid_scope":
		return errors.New("the provider does not know a scope that was asked for (invalid_scope); see --scopes")
	case "unauthorized_client":
		return errors.New("the app may not ask for a consent in this way (unauthorized_client); see its settings at the provider")
	case "redirect_uri_mismatch":
		return errors.New("the redirect URL is not one of the app's (redirect_uri_mismatch); register it at the provider, letter by letter, or name a registered one with --redirect-url")
	case "server_error", "temporarily_unavailable":
		return fmt.Errorf("the provider has a fault of its own (%s); try again later", code)
	case "invalid_request", "unsupported_response_type", "login_required", "consent_required", "interaction_required":
		return fmt.Errorf("the provider calls the request wrong (%s); see the app's settings there, and the provider's entry in the providers file", code)
	}
	return errors.New("the provider answered with an error that this program does not know; see the browser's address bar")
}

// ReadPasted reads an address that a person copied from the browser's address
// bar. Errors other than ErrDenied can be mended by pasting again.
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
		return Redirect{}, errors.New("that looks like the code alone; paste the whole address, beginning with " + redirectURI + ", so that its state can be checked as well")
	case u.Query().Get("client_id") != "" && u.Query().Get("code") == "" && u.Query().Get("error") == "":
		return Redirect{}, errors.New("that is the address of the page that asks for the consent; allow it there, and paste where the browser goes then")
	}
	redirect, err := ReadRedirect(u.Query(), state)
	if errors.Is(err, ErrNoAnswer) {
		return Redirect{}, fmt.Errorf("that address holds no code; paste the one that begins with %s and has code= in it", redirectURI)
	}
	return redirect, err
}
