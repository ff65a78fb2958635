package provider

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// MaxBody is the longest body, in bytes, that is taken for an answer. Token
// answers have a few kilobytes; what is longer is something else.
const MaxBody = 1 << 20

// Answer is what a token endpoint sent back, before anyone judged it.
type Answer struct {
	Status int
	Header http.Header
	// Body holds tokens in success and often in failure too. It may be one byte
	// longer than MaxBody, which says that it was too long.
	Body token.Secret
	// Cut: the connection broke, or time ran out, before the body was whole.
	Cut bool
	// ReadAt is when the last of it had been read, by the worker's clock.
	ReadAt time.Time
}

// decode reads the body into v and reports in words why it could not; empty
// means that it could. The body has to be one whole JSON object; one with a name
// in another encoding is one all the same, for a pair must not be lost to that.
func (a Answer) decode(v any) string {
	body := strings.TrimSpace(strings.TrimPrefix(a.Body.Reveal(), "\ufeff"))
	switch {
	case len(a.Body.Reveal()) > MaxBody:
		return "an answer of more than 1 MiB"
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
