package authserver

import (
	"net/http"
	"net/url"
)

// authenticate checks the client (RFC 6749 section 2.3.1): by HTTP Basic or in
// the body when it has a secret, whichever the provider wants and never the
// other, and by client_id in the body when it is public. The reply is for a
// client that is refused.
func (s *Server) authenticate(r *http.Request) (reply, bool) {
	header := r.Header.Get("Authorization")
	if s.options.Client.Secret.Empty() {
		if id := r.PostForm.Get("client_id"); id != s.options.Client.ID {
			return refuse(http.StatusUnauthorized, "invalid_client", theClient, "Invalid client_id: "+id), false
		}
		return reply{}, true
	}
	id, secret, ok := r.BasicAuth()
	if s.options.Provider.Body {
		ok = !ok
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if !ok || !s.isClient(id, secret) {
		return invalidClient(header), false
	}
	return reply{}, true
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
