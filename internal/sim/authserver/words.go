package authserver

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Words are how a provider says one thing: the status and the JSON of an answer. In Body,
// {code} is RFC 6749's code of the refusal and {message} its text, which repeats what was
// sent. A zero Status is that of RFC 6749.
type Words struct {
	Status int
	Body   string
}

// worded is the wire of a provider that is all data: RFC 6749 with other names, further
// fields and the provider's own errors.
type worded struct {
	plainWire
	// tokenType is "bearer" unless the provider writes it in another way.
	tokenType string
	// user is the field with the user's id; empty for none.
	user string
	// noExpiry and noScope leave expires_in and scope out.
	noExpiry, noScope bool
	// issuedAt is a field with the Unix time of the issue; empty for none.
	issuedAt string
	// refreshLife and grantLife are fields with the seconds until the refresh token's
	// and the grant's end; empty for none.
	refreshLife, grantLife string
	further                map[string]any
	comma                  bool // between scopes

	// dead are all ways in which a refresh token is refused; the first is the usual one.
	dead []Words
	// says are the other refusals, by RFC 6749's code; "" is for those that have none.
	says map[string]Words
}

func (w worded) issued(i issue) (int, any) {
	body := map[string]any{"token_type": "bearer"}
	if w.tokenType != "" {
		body["token_type"] = w.tokenType
	}
	for name, value := range w.further {
		body[name] = value
	}
	set := func(name string, value any, given bool) {
		if name != "" && given {
			body[name] = value
		}
	}
	set("access_token", i.access, i.access != nil)
	set("refresh_token", i.refresh, i.refresh != nil)
	set("expires_in", i.expiresIn, !w.noExpiry && !i.noExpiry)
	set("scope", i.scope, !w.noScope)
	set(w.user, i.user, true)
	set(w.issuedAt, i.issuedAt.Unix(), true)
	set(w.refreshLife, i.refreshIn, i.refreshIn > 0)
	set(w.grantLife, i.grantIn, i.grantIn > 0)
	return http.StatusOK, body
}

func (w worded) refused(r refusal) (int, any) {
	words, own := w.says[r.code]
	if !own {
		words, own = w.says[""]
	}
	if r.what == theRefreshToken && len(w.dead) > 0 {
		words, own = w.dead[r.variant%len(w.dead)], true
	}
	if !own {
		return w.plainWire.refused(r)
	}
	return words.of(r)
}

// of fills in what a refusal is about.
func (w Words) of(r refusal) (int, any) {
	status := r.status
	if w.Status != 0 {
		status = w.Status
	}
	filled := strings.NewReplacer("{code}", quoted(r.code), "{message}", quoted(r.message)).Replace(w.Body)
	return status, json.RawMessage(filled)
}

// quoted is text as it stands inside a JSON string.
func quoted(text string) string {
	encoded, _ := json.Marshal(text) // a string always can be
	return string(encoded[1 : len(encoded)-1])
}

func (w worded) scopeSeparator() string {
	if w.comma {
		return ","
	}
	return " "
}

// oauthError is an RFC 6749 error with a provider's description, behind which comes what
// was sent.
func oauthError(status int, code, description string) Words {
	return Words{status, `{"error":"` + code + `","error_description":"` + quoted(description) + ` {message}"}`}
}

// bareError is an error without a description.
func bareError(status int, code string) Words { return Words{status, `{"error":"` + code + `"}`} }
