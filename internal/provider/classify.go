package provider

import (
	"net/http"

	"tokenkeeper/internal/token"
)

// Classify decides what an answer to a refresh means. The answer is as the
// provider sent it; the provider's dialect is applied here. Either the pair is
// usable and the failure nil, or the failure says what to do.
//
// The rule it serves: a grant counts as dead only when the provider says
// invalid_grant in a well-formed error with the status that RFC 6749 section
// 5.2 gives it. Everything else that is not understood is tried again.
func Classify(p Provider, a Answer) (token.Pair, *Failure) {
	a = p.Dialect.translate(a)
	if a.Status >= 200 && a.Status < 300 {
		pair, wrong := readPair(p, a)
		if wrong != "" {
			return token.Pair{}, &Failure{Provider: p.Name, Kind: Malformed, Status: a.Status, Detail: wrong}
		}
		return pair, nil
	}
	code, detail := readError(a)
	kind := kindOf(a.Status, code)
	if kind != Unexpected {
		detail = code // the status says the rest
	}
	return token.Pair{}, &Failure{
		Provider:   p.Name,
		Kind:       kind,
		Status:     a.Status,
		RetryAfter: retryAfter(p, kind, a),
		Detail:     detail,
		Fix:        fix(p, kind, code),
	}
}

// kindOf judges a refusal by its status and its OAuth error code. A status that
// speaks for the whole service outranks any code: a gateway that is down may
// well repeat the last thing it heard.
func kindOf(status int, code string) Kind {
	switch {
	case status == http.StatusGone:
		return ProviderRetired
	case status == http.StatusTooManyRequests:
		return RateLimited
	case status >= 500:
		return Unavailable
	case status < 400:
		return Unexpected // a redirect: a refresh token is for the token endpoint alone
	}
	switch code {
	case "invalid_grant":
		if status == http.StatusBadRequest || status == http.StatusUnauthorized {
			return InvalidGrant
		}
	case "invalid_client", "unauthorized_client", "deleted_client":
		return InvalidClient
	case "invalid_request", "invalid_scope", "unsupported_grant_type":
		return RequestRejected
	case "server_error", "temporarily_unavailable":
		return Unavailable
	}
	return Unexpected
}

// readError finds the OAuth error code of a refusal, empty unless it is a known
// one in a well-formed body, and the words to tell it in.
func readError(a Answer) (code, detail string) {
	var body struct {
		Error string `json:"error"`
	}
	if wrong := a.decode(&body); wrong != "" {
		return "", wrong
	}
	switch body.Error {
	// RFC 6749 section 5.2.
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope":
	// RFC 6749 section 4.1.2.1; some token endpoints use them too.
	case "server_error", "temporarily_unavailable":
	// Google's, for a client that was deleted from its console.
	case "deleted_client":
	// RFC 6750's and Fitbit's words for an access token; see fix.
	case "invalid_token", "expired_token":
	default:
		return "", "no known OAuth error code"
	}
	return body.Error, body.Error
}
