package authserver

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
)

// ClientPlace is where a confidential client's id and secret are in a token request.
type ClientPlace string

const (
	InHeader ClientPlace = "header" // HTTP Basic
	InForm   ClientPlace = "form"   // client_id and client_secret
	InJSON   ClientPlace = "json"   // the same, and the whole request is a JSON object
	InQuery  ClientPlace = "query"  // the same in the URL, and the rest in the form
)

// jsonLimit bounds a JSON request.
const jsonLimit = 64 << 10

// readForm makes r.PostForm of a form or, where the provider takes one, of a JSON object
// of strings.
func (p Provider) readForm(r *http.Request) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return r.ParseForm()
	}
	if !p.takes(InJSON) {
		return errors.New("the request is no form")
	}
	var fields map[string]string
	if err := json.NewDecoder(io.LimitReader(r.Body, jsonLimit)).Decode(&fields); err != nil {
		return err
	}
	r.PostForm = url.Values{}
	for name, value := range fields {
		r.PostForm.Set(name, value)
	}
	return nil
}

func (p Provider) takes(place ClientPlace) bool { return slices.Contains(p.ClientIn, place) }

// authenticate checks the client (RFC 6749 section 2.3.1): in one of the provider's
// places when it has a secret, and by client_id in the body when it is public. The reply
// is for a client that is refused.
func (s *Server) authenticate(r *http.Request) (reply, bool) {
	header := r.Header.Get("Authorization")
	if s.options.Client.Secret.Empty() {
		if id := r.PostForm.Get("client_id"); id != s.options.Client.ID {
			return refuse(http.StatusUnauthorized, "invalid_client", theClient, "Invalid client_id: "+id), false
		}
		return reply{}, true
	}
	id, secret, place := shown(r)
	if !s.options.Provider.takes(place) || !s.isClient(id, secret) {
		return invalidClient(header), false
	}
	return reply{}, true
}

// shown is what a client shows of itself, and where.
func shown(r *http.Request) (id, secret string, place ClientPlace) {
	query := r.URL.Query()
	id, secret, basic := r.BasicAuth()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case basic:
		return id, secret, InHeader
	case query.Has("client_secret"):
		return query.Get("client_id"), query.Get("client_secret"), InQuery
	case kind == "application/json":
		return r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"), InJSON
	default:
		return r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"), InForm
	}
}

// isClient takes both parts percent-encoded, as RFC 6749 wants them, or plain,
// as most libraries send them.
func (s *Server) isClient(id, secret string) bool {
	want := s.options.Client
	if id == want.ID && secret == want.Secret.Reveal() {
		return true
	}
	plainID, err := url.QueryUnescape(id)
	if err != nil {
		return false
	}
	plainSecret, err := url.QueryUnescape(secret)
	return err == nil && plainID == want.ID && plainSecret == want.Secret.Reveal()
}
