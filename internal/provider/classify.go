package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// MaxBody bounds the body of an answer, in bytes. Token answers have a few
// kilobytes, and no token above 25 kB can be stored.
const MaxBody = 256 << 10

// Answer is what a token endpoint sent back, not yet classified.
type Answer struct {
	Status int
	Header http.Header
	// Body holds tokens in success and often in failure too. One byte more than
	// MaxBody stands for a body that is too long.
	Body token.Secret
	// Cut: the connection broke, or time ran out, before the body was whole.
	Cut bool
	// ReadAt is when the body had been read, by the worker's clock.
	ReadAt time.Time
}

// Classify decides what an answer to a refresh means, after the provider's dialect
// has translated it: a usable pair and no failure, or a failure that says what to
// do.
//
// Its rule: a grant is dead only when the provider says invalid_grant in a
// well-formed error with the status that RFC 6749 section 5.2 gives it. Every
// other answer that is not understood is retried.
func Classify(p Provider, a Answer) (token.Pair, *Failure) {
	a = p.Dialect.translate(a)
	if a.Status >= 200 && a.Status < 300 {
		pair, problem := readPair(p, a)
		if problem != "" {
			return token.Pair{}, &Failure{Provider: p.Name, Kind: Malformed, Status: a.Status, Detail: problem, MaybeSpent: true, Issued: problem != errorInSuccess && namesToken(a)}
		}
		return pair, nil
	}
	code, detail := readError(a)
	kind := classifyStatus(a.Status, code)
	if kind != Unexpected {
		detail = code // the status says the rest
	}
	return token.Pair{}, &Failure{
		Provider:   p.Name,
		Kind:       kind,
		Status:     a.Status,
		RetryAfter: retryAfter(p, kind, a),
		Detail:     detail,
		Fix:        hint(p, kind, code),
		MaybeSpent: !refusesForGood(kind),
	}
}

// refusesForGood reports whether a refusal of this kind proves that its request took no
// effect: only the token endpoint itself gives an OAuth error code with a 4xx. Any
// other status may be a gateway's, which has lost the true answer.
func refusesForGood(k Kind) bool {
	return k == InvalidGrant || k == InvalidClient || k == RequestRejected
}

// tokenValue begins a token in an answer, whether or not the rest of it came.
var tokenValue = regexp.MustCompile(`"(access_token|refresh_token)"\s*:\s*"[^"]`)

// namesToken reports whether the answer holds at least the beginning of a token.
func namesToken(a Answer) bool {
	body := strings.TrimSpace(strings.TrimPrefix(a.Body.Reveal(), "\ufeff"))
	return strings.HasPrefix(body, "{") && tokenValue.MatchString(body)
}

// classifyStatus classifies a refusal by its status and its OAuth error code. A
// status that speaks for the whole service outranks any code, because a failing
// gateway may repeat an earlier answer.
func classifyStatus(status int, code string) Kind {
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

// readError returns the OAuth error code of a refusal, empty unless it is a known
// one in a well-formed body, and the detail for the failure.
func readError(a Answer) (code, detail string) {
	var body struct {
		Error string `json:"error"`
	}
	if problem := a.decode(&body); problem != "" {
		return "", problem
	}
	switch body.Error {
	// RFC 6749 section 5.2.
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope":
	// RFC 6749 section 4.1.2.1; some token endpoints use them too.
	case "server_error", "temporarily_unavailable":
	// Google's, for a client that was deleted from its console.
	case "deleted_client":
	// RFC 6750's and Fitbit's codes for an access token; see hint.
	case "invalid_token", "expired_token":
	default:
		return "", "no known OAuth error code"
	}
	return body.Error, body.Error
}

// Details of an answer of success that holds no usable pair.
const (
	noRefreshToken = "no refresh token"
	errorInSuccess = "an error code in an answer of success"
)

// success is RFC 6749 section 5.1 with the user_id that Fitbit adds.
type success struct {
	AccessToken  string          `json:"access_token"`
	RefreshToken *string         `json:"refresh_token"`
	ExpiresIn    json.RawMessage `json:"expires_in"`
	Scope        looseString     `json:"scope"`
	UserID       looseString     `json:"user_id"`
	Error        looseString     `json:"error"`
}

// readPair takes the tokens out of an answer of success, or says what makes it
// unusable. It is strict about what is stored as a token and tolerant of the rest,
// so that no issued pair is lost to an unusual scope, token type or lifetime. An
// access token that cannot be stored, and a refresh token too long to store, are left
// out: they do not cost the one beside them. A refresh token with other damage may come
// whole when the provider repeats its answer.
func readPair(p Provider, a Answer) (token.Pair, string) {
	var body success
	if problem := a.ignoreLateCut().decode(&body); problem != "" {
		return token.Pair{}, problem
	}
	refresh := ""
	if body.RefreshToken != nil {
		refresh = *body.RefreshToken
	}
	var issue token.Issue
	if err := token.CheckValue(body.AccessToken); body.AccessToken != "" && err != nil {
		issue.AccessProblem, body.AccessToken = err.Error(), ""
	}
	refreshErr := token.CheckValue(refresh)
	switch {
	case refresh == "" || refreshErr == nil:
	case p.Rotation == NoRotation:
		refresh = "" // the old one stays in force
	case errors.Is(refreshErr, token.ErrTooLong):
		issue.RefreshProblem, refresh = refreshErr.Error(), ""
	}
	switch {
	case body.Error != "":
		return token.Pair{}, errorInSuccess
	case body.AccessToken == "" && issue.AccessProblem == "":
		return token.Pair{}, "no access token"
	case refresh == "" && issue.RefreshProblem == "" && mustRotate(p.Rotation, body.RefreshToken):
		return token.Pair{}, noRefreshToken
	case refresh != "" && refreshErr != nil:
		return token.Pair{}, fmt.Sprintf("a refresh token that %v", refreshErr)
	}
	issue.ObtainedAt, issue.UserID, issue.Scopes = a.ReadAt, string(body.UserID), p.Dialect.splitScopes(string(body.Scope))
	if lifetime := readLifetime(body.ExpiresIn); lifetime > 0 {
		issue.Expiry = a.ReadAt.Add(lifetime)
	}
	return token.Pair{AccessToken: token.NewSecret(body.AccessToken), RefreshToken: token.NewSecret(refresh), Issue: issue}, ""
}

// mustRotate reports whether an answer whose refresh token is absent (nil) or
// empty has lost one. Where tokens rotate at times, only an empty one is lost.
func mustRotate(r Rotation, stated *string) bool {
	return r == SingleUse || r == Sometimes && stated != nil
}

// maxLifetime bounds expires_in. Tokens "without end" are issued for 10 to 68
// years; more than a century is an error.
const maxLifetime = 100 * 365 * 24 * time.Hour

// readLifetime reads expires_in, which some providers put in quotes. Zero when it
// is absent, 0 or no lifetime at all.
func readLifetime(raw json.RawMessage) time.Duration {
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	// Written so that NaN fails too.
	if err != nil || !(seconds >= 0 && seconds <= maxLifetime.Seconds()) {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// decode reads the body into v and returns why it could not, empty for success.
// The body has to be one whole JSON object; text in another encoding inside it is
// accepted, so that no pair is lost to a name.
func (a Answer) decode(v any) string {
	body := strings.TrimSpace(strings.TrimPrefix(a.Body.Reveal(), "\ufeff"))
	switch {
	case len(a.Body.Reveal()) > MaxBody:
		return "an answer of more than 256 KiB"
	case a.Cut:
		return "an answer that broke off"
	case body == "":
		return "an empty answer"
	case strings.HasPrefix(body, "<"):
		return "HTML instead of JSON"
	case !strings.HasPrefix(body, "{"):
		return "something other than JSON"
	case !json.Valid([]byte(body)):
		return "broken or truncated JSON"
	case json.Unmarshal([]byte(body), v) != nil:
		return "JSON of another shape"
	}
	return ""
}

// ignoreLateCut clears Cut where the body is whole JSON: a connection that broke
// after the object has lost nothing of it.
func (a Answer) ignoreLateCut() Answer {
	a.Cut = a.Cut && !json.Valid([]byte(a.Body.Reveal()))
	return a
}

// looseString is a text field that never makes an answer unusable: a number
// becomes its digits, any other value becomes empty.
type looseString string

// UnmarshalJSON implements [json.Unmarshaler] and returns no error.
func (l *looseString) UnmarshalJSON(raw []byte) error {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
		*l = looseString(text)
	case json.Unmarshal(raw, &number) == nil:
		*l = looseString(number)
	}
	return nil
}
