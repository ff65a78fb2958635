package authserver

import (
	"net/http"
	"strings"

	"tokenkeeper/internal/token"
)

// Endpoint names a part of the provider in faults and counts.
type Endpoint string

// The endpoints.
const (
	Authorize Endpoint = "authorize"
	Token     Endpoint = "token"
	Revoke    Endpoint = "revoke"
	Profile   Endpoint = "profile"
)

func (s *Server) routes() http.Handler {
	mux, p := http.NewServeMux(), s.options.Provider
	mux.HandleFunc("GET "+p.AuthorizePath, s.serve(Authorize, s.askConsent))
	mux.HandleFunc("POST "+p.AuthorizePath, s.serve(Authorize, s.takeConsent))
	mux.HandleFunc("POST "+p.TokenPath, s.serve(Token, s.atPortal("", s.token)))
	for name, path := range p.Portals {
		mux.HandleFunc("POST "+path, s.serve(Token, s.atPortal(name, s.token)))
	}
	switch {
	case p.RevokePath == "":
	case p.Revocation == ByBearer:
		mux.HandleFunc("DELETE "+p.RevokePath, s.serve(Revoke, s.revoke))
	default:
		mux.HandleFunc("POST "+p.RevokePath, s.serve(Revoke, s.revoke))
	}
	mux.HandleFunc("GET /1/user/-/profile.json", s.serve(Profile, s.profile))
	s.routeControl(mux)
	return mux
}

// serve runs one request: commit makes it take effect and returns the true answer.
// A fault may delay, prevent or withhold either.
func (s *Server) serve(e Endpoint, commit func(*http.Request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.options.Provider.readForm(r); err != nil {
			invalidRequest("The form cannot be read").in(s.options.Provider.wire).write(w)
			return
		}
		user, fault, retired := s.arrive(e, r)
		if retired {
			refuse(http.StatusGone, "gone", theRequest, "This API has been retired").in(s.options.Provider.wire).write(w)
			return
		}
		// A real provider takes a request whose client has given up meanwhile, so the
		// delays ignore the client.
		s.delay(fault.DelayBefore)
		var (
			truth reply
			event = -1
		)
		if fault.commits() {
			truth, event = s.locked(commit, r, fault.Answer != Truth)
		}
		s.delay(fault.DelayAfter)
		if fault.Hold && !s.pause(r.Context(), user) {
			return
		}
		if fault.Answer == Reset {
			reset(w)
			return
		}
		answer := fault.corrupt(s.options.Provider, truth, user, r.Header.Get("Authorization")).in(s.options.Provider.wire)
		if s.options.Provider.FormAnswers && !strings.Contains(r.Header.Get("Accept"), "json") {
			answer = answer.asForm()
		}
		s.noteSent(event)
		s.send(w, r, answer)
	}
}

// atPortal is a token endpoint for the clients that are registered at its portal. Those
// of another one are refused like a request that makes no sense.
func (s *Server) atPortal(portal string, commit func(*http.Request) reply) func(*http.Request) reply {
	return func(r *http.Request) reply {
		if portal != s.options.Portal {
			return invalidRequest("The request cannot be processed")
		}
		return commit(r)
	}
}

// arrive counts the request and picks its fault.
func (s *Server) arrive(e Endpoint, r *http.Request) (user string, f Fault, retired bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user = s.userOf(r)
	s.journal.addCall(e, user)
	if s.retired {
		return user, Fault{}, true
	}
	return user, s.script.next(e, user), false
}

// locked makes a request take effect. lost: its answer will not be the truth. event is
// the journal's index of what it did; negative where the journal keeps nothing of it.
func (s *Server) locked(commit func(*http.Request) reply, r *http.Request, lost bool) (truth reply, event int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.journal.events)
	truth = commit(r)
	if before == len(s.journal.events) {
		return truth, -1
	}
	s.journal.events[before].Lost = lost
	return truth, before
}

// noteSent has the journal say when an event's answer went out.
func (s *Server) noteSent(event int) {
	if event < 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal.events[event].Sent = s.now()
}

// userOf finds the user of a request by the token, code or name that it carries;
// empty when it carries none that is known.
func (s *Server) userOf(r *http.Request) string {
	for _, field := range []string{"refresh_token", "token", "access_token"} {
		if user := s.grants.Owner(token.NewSecret(r.PostForm.Get(field))); user != "" {
			return user
		}
	}
	if user := s.codes.Owner(token.NewSecret(r.PostForm.Get("code"))); user != "" {
		return user
	}
	if user := s.grants.Owner(bearer(r)); user != "" {
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

// Retire makes every endpoint answer 410 Gone from now on, as Fitbit's do after
// their end.
func (s *Server) Retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
}
