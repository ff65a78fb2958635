package provider

import (
	"encoding/json"
	"net/http"
	"regexp"
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
	// Sent are the secrets of the request. An answer may echo them, and nothing that
	// holds one of them is passed on.
	Sent []token.Secret
}

// Classify decides what an answer to a refresh means, after the provider's dialect
// has translated it: a usable pair and no failure, or a failure that says what to
// do.
//
// Its rule: a grant is dead where the provider says invalid_grant in a well-formed
// error, or what its entry lists as [DeadAnswer]. RFC 6749 section 5.2 has 400 and 401
// for that; 403 and 200 are in use as well. A failing gateway may repeat an earlier
// answer, so that no 5xx and no 429 ever means it. What is not understood is retried,
// and MayBeDead where it may be a provider's own way to say so.
func Classify(p Provider, a Answer) (token.Pair, *Failure) {
	a = p.Dialect.translate(a)
	if a.Status < 200 || a.Status > 299 {
		return token.Pair{}, classifyRefusal(p, a)
	}
	pair, problem := readPair(p, a)
	if problem == "" {
		return pair, nil
	}
	if _, dead := deadAnswer(p, a); dead || problem == errorInSuccess {
		return token.Pair{}, classifyErrorInSuccess(p, a)
	}
	f := &Failure{
		Provider: p.Name, Kind: Malformed, Status: a.Status, Detail: problem,
		Fix: malformedHint(p, problem), MaybeSpent: true, Issued: namesToken(a),
	}
	if a.isObject() && !f.Issued { // a refusal in words of its own, such as {"errcode":40030}
		f.MayBeDead, f.Fix = true, hint(p, a, Malformed, reason{})
	}
	return token.Pair{}, f
}

// classifyRefusal classifies an answer that is no success by its status.
func classifyRefusal(p Provider, a Answer) *Failure {
	said := readError(p, a)
	kind := said.kind(a.Status)
	f := &Failure{
		Provider:   p.Name,
		Kind:       kind,
		Status:     a.Status,
		RetryAfter: retryAfter(p, kind, a),
		Detail:     said.detail,
		MaybeSpent: !refusesForGood(kind),
		MayBeDead:  kind == RequestRejected || kind == Unexpected && a.Status >= 400,
	}
	f.Passing = f.MayBeDead && (a.Status == http.StatusNotFound || !a.isObject())
	if kind != Unexpected {
		f.Detail = said.word // the status says the rest
	}
	f.Fix = hint(p, a, kind, said)
	return f
}

// classifyErrorInSuccess classifies a 2xx with an error in it, as GitHub and Slack
// answer: by its code, like a refusal. Unlike one it never proves that the token is
// unspent, and where it names a token as well its code is not believed.
func classifyErrorInSuccess(p Provider, a Answer) *Failure {
	said := readError(p, a)
	kind := said.kind(a.Status)
	if kind == Unexpected && said.word == "" || namesToken(a) {
		kind, said = Malformed, reason{detail: errorInSuccess}
	}
	return &Failure{
		Provider:   p.Name,
		Kind:       kind,
		Status:     a.Status,
		RetryAfter: retryAfter(p, kind, a),
		Detail:     said.detail,
		Fix:        hint(p, a, kind, said),
		MaybeSpent: true,
		MayBeDead:  kind == Malformed || kind == Unexpected || kind == RequestRejected,
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

// reason is what a body says about an error. Its texts are this package's or the
// entry's own, because a body may echo a token.
type reason struct {
	word   string // a known OAuth error code, or a dead answer's value; empty for neither
	dead   bool   // it is one of the entry's dead answers
	detail string // word, or what is wrong with the body
}

// errorCodes are the known codes of errors. Others are never quoted: a token may look
// like one.
var errorCodes = map[string]Kind{
	// RFC 6749 section 5.2.
	"invalid_grant":          InvalidGrant,
	"invalid_client":         InvalidClient,
	"unauthorized_client":    InvalidClient,
	"invalid_request":        RequestRejected,
	"invalid_scope":          RequestRejected,
	"unsupported_grant_type": RequestRejected,
	// RFC 6749 section 4.1.2.1; some token endpoints use them too.
	"server_error":            Unavailable,
	"temporarily_unavailable": Unavailable,
	// Google's, for a client that was deleted from its console.
	"deleted_client": InvalidClient,
	// GitHub's, "Troubleshooting OAuth app access token request errors".
	"incorrect_client_credentials": InvalidClient,
	// Slack's, "oauth.v2.access": the client, and its outages, which come with 200.
	"invalid_client_id":   InvalidClient,
	"bad_client_secret":   InvalidClient,
	"ratelimited":         RateLimited,
	"fatal_error":         Unavailable,
	"internal_error":      Unavailable,
	"request_timeout":     Unavailable,
	"service_unavailable": Unavailable,
	// Auth0's, whose token endpoint Atlassian has, for a wrong client secret; see kind.
	"access_denied": InvalidClient,
	// RFC 6750's and Fitbit's codes for an access token; see hint.
	"invalid_token": Unexpected,
	"expired_token": Unexpected,
}

// kind classifies an answer by its status and its reason. A status that speaks for the
// whole service, or for the connection as 408 and 425 do, outranks any reason: a failing
// gateway may repeat an earlier answer.
func (r reason) kind(status int) Kind {
	switch {
	case status == http.StatusGone:
		return ProviderRetired
	case status == http.StatusTooManyRequests:
		return RateLimited
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return Unavailable
	case status < 200, status >= 300 && status < 400:
		return Unexpected // a redirect: a refresh token is for the token endpoint alone
	case r.dead:
		return InvalidGrant
	}
	kind, known := errorCodes[r.word]
	if !known || kind == InvalidGrant && !saysDeadWith(status) || r.word == "access_denied" && status != http.StatusUnauthorized {
		return Unexpected
	}
	return kind
}

// saysDeadWith are the statuses with which invalid_grant means what it says: RFC 6749's
// two, Atlassian's 403, and the 2xx of those that answer every error so.
func saysDeadWith(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden || status < 300
}

// readError reads the reason out of an error's body.
func readError(p Provider, a Answer) reason {
	var body struct {
		Error string `json:"error"`
	}
	if dead, ok := deadAnswer(p, a); ok {
		return reason{word: dead, dead: true, detail: dead}
	}
	if problem := a.decode(&body); problem != "" {
		return reason{detail: problem}
	}
	if _, known := errorCodes[body.Error]; !known {
		return reason{detail: "no known OAuth error code"}
	}
	return reason{word: body.Error, detail: body.Error}
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

// isObject reports whether the body is one whole JSON object, of whatever shape.
func (a Answer) isObject() bool {
	var body map[string]json.RawMessage
	return a.ignoreLateCut().decode(&body) == ""
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
