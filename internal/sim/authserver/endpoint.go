package authserver

import (
	"net"
	"net/http"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// Endpoint names a part of the provider in faults and counts.
type Endpoint string

// The endpoints.
const (
	Authorize  Endpoint = "authorize"
	Token      Endpoint = "token"
	Revoke     Endpoint = "revoke"
	Introspect Endpoint = "introspect"
	Profile    Endpoint = "profile"
)

// IntrospectPath is where access tokens are introspected, at Fitbit.
const IntrospectPath = "/1.1/oauth2/introspect"

func (s *Server) routes() http.Handler {
	mux, p := http.NewServeMux(), s.options.Provider
	mux.HandleFunc("GET "+p.AuthorizePath, s.serve(Authorize, s.askConsent))
	mux.HandleFunc("POST "+p.AuthorizePath, s.serve(Authorize, s.takeConsent))
	mux.HandleFunc("POST "+p.TokenPath, s.serve(Token, s.token))
	switch {
	case p.RevokePath == "":
	case p.Revocation == ByBearer:
		mux.HandleFunc("DELETE "+p.RevokePath, s.serve(Revoke, s.revoke))
	default:
		mux.HandleFunc("POST "+p.RevokePath, s.serve(Revoke, s.revoke))
	}
	mux.HandleFunc("POST "+IntrospectPath, s.serve(Introspect, s.introspect))
	mux.HandleFunc("GET /1/user/-/profile.json", s.serve(Profile, s.profile))
	s.routeControl(mux)
	return mux
}

// serve runs one request: what commit returns is the true answer, and calling
// commit is what makes the request take effect. A fault may delay, prevent or
// withhold either.
func (s *Server) serve(e Endpoint, commit func(*http.Request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			invalidRequest("The form cannot be read").in(s.options.Provider.wire).write(w)
			return
		}
		user, fault, retired := s.arrive(e, r)
		if retired {
			refuse(http.StatusGone, "gone", theRequest, "This API has been retired").in(s.options.Provider.wire).write(w)
			return
		}
		// A client that gives up meanwhile does not stop a real provider from
		// taking the request, so the delays do not look at it either.
		s.pause(fault.DelayBefore)
		var truth reply
		if fault.commits() {
			truth = s.locked(commit, r)
		}
		s.pause(fault.DelayAfter)
		if fault.Hold && !s.hold(r.Context(), user) {
			return
		}
		if fault.Answer == Reset {
			reset(w)
			return
		}
		fault.distort(truth, user, r.Header.Get("Authorization")).in(s.options.Provider.wire).write(w)
	}
}

// arrive counts the request and picks its fault.
func (s *Server) arrive(e Endpoint, r *http.Request) (user string, f Fault, retired bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user = s.userOf(r)
	s.journal.call(e, user)
	if s.retired {
		return user, Fault{}, true
	}
	return user, s.script.next(e, user), false
}

func (s *Server) locked(commit func(*http.Request) reply, r *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	return commit(r)
}

// userOf finds whom a request is about by the token, code or name that it
// carries; empty when it carries none that we know.
func (s *Server) userOf(r *http.Request) string {
	for _, field := range []string{"refresh_token", "token", "access_token"} {
		if user := s.book.Owner(token.NewSecret(r.PostForm.Get(field))); user != "" {
			return user
		}
	}
	if user := s.codes.Owner(token.NewSecret(r.PostForm.Get("code"))); user != "" {
		return user
	}
	if user := s.book.Owner(bearer(r)); user != "" {
		return user
	}
	return r.PostForm.Get("user")
}

func bearer(r *http.Request) token.Secret {
	value, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return token.Secret{}
	}
	return token.NewSecret(value)
}

func (s *Server) pause(d Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(time.Duration(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
}

// reset ends the TCP connection with RST instead of an answer.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the connection is gone already
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it close sends FIN, a polite end
	}
	_ = connection.Close()
}
