package authserver

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tokenkeeper/internal/sim/authserver/grant"
)

// authorization is a checked authorization request (RFC 6749 section 4.1.1).
type authorization struct {
	redirect string // where the answer goes
	state    string
	prompt   string
	approval grant.Approval // without its user
	provider Provider
}

// askConsent shows the consent page. Its form posts to the same URL.
func (s *Server) askConsent(r *http.Request) reply {
	a, refusal, ok := s.readAuthorization(r.URL.Query())
	if !ok {
		return refusal
	}
	if a.prompt == "none" {
		// No user is ever logged in here (OpenID Connect Core section 3.1.2.6).
		return a.refuse("login_required")
	}
	return consentPage(s.options.Client.ID, s.options.Provider.scopes(a.approval.Scope))
}

// takeConsent is the posted form: user, and decision=allow or deny.
func (s *Server) takeConsent(r *http.Request) reply {
	a, refusal, ok := s.readAuthorization(r.URL.Query())
	if !ok {
		return refusal
	}
	if r.PostForm.Get("decision") != "allow" {
		return a.refuse("access_denied")
	}
	a.approval.User = r.PostForm.Get("user")
	if a.approval.User == "" {
		return errorPage("invalid_request", "The form lacks a user")
	}
	code := s.codes.Issue(a.approval, s.now())
	answer := url.Values{"code": {code.Reveal()}}
	if a.provider.ScopeInRedirect {
		answer.Set("scope", a.approval.Scope)
	}
	return a.answer(answer)
}

// readAuthorization checks the request. Without a client and a redirect_uri to
// trust, the refusal is a page, else a redirect (RFC 6749 section 4.1.2.1).
func (s *Server) readAuthorization(q url.Values) (authorization, reply, bool) {
	client := s.options.Client
	if q.Get("client_id") != client.ID {
		return authorization{}, errorPage("invalid_client", "Invalid client_id: "+q.Get("client_id")), false
	}
	redirect := q.Get("redirect_uri")
	if redirect == "" && len(client.RedirectURIs) == 1 {
		redirect = client.RedirectURIs[0]
	}
	if !slices.Contains(client.RedirectURIs, redirect) {
		return authorization{}, errorPage("invalid_request", "Invalid redirect_uri parameter value: "+redirect), false
	}
	method := q.Get("code_challenge_method")
	scope := q.Get("scope")
	if scope == "" && s.options.Provider.AppScopes {
		scope = s.scopeOfGrant()
	}
	a := authorization{
		redirect: redirect,
		state:    q.Get("state"),
		prompt:   q.Get("prompt"),
		provider: s.options.Provider,
		approval: grant.Approval{
			Scope:       scope,
			RedirectURI: q.Get("redirect_uri"),
			Challenge:   q.Get("code_challenge"),
			S256:        method == "S256",
			Offline:     q.Get(s.options.Provider.OfflineParam) == "offline",
			Asked:       q.Get("prompt") == "consent",
		},
	}
	if problem := a.problem(q.Get("response_type"), method); problem != "" {
		return a, a.refuse(problem), false
	}
	if client.Secret.Empty() && a.approval.Challenge == "" {
		// A public client without PKCE (RFC 9700 section 2.1.1).
		return a, a.refuse("invalid_request"), false
	}
	return a, reply{}, true
}

// problem is the OAuth error code of a request that cannot be granted.
func (a authorization) problem(responseType, challengeMethod string) string {
	switch {
	case responseType != "code":
		return "unsupported_response_type"
	case strings.TrimSpace(a.approval.Scope) == "":
		return "invalid_scope"
	case !slices.Contains([]string{"", "plain", "S256"}, challengeMethod):
		return "invalid_request"
	case !slices.Contains([]string{"", "none", "login", "consent", "login consent"}, a.prompt):
		return "invalid_request"
	}
	return ""
}

func (a authorization) refuse(code string) reply { return a.answer(url.Values{"error": {code}}) }

// answer sends the browser back. Fitbit's URL ends in #_=_, which is no part of the
// state.
func (a authorization) answer(parameters url.Values) reply {
	if a.state != "" {
		parameters.Set("state", a.state)
	}
	separator := "?"
	if strings.Contains(a.redirect, "?") {
		separator = "&"
	}
	r := textReply(http.StatusFound, "text/html", "")
	r.header.Set("Location", a.redirect+separator+parameters.Encode()+a.provider.RedirectEnd)
	return r
}

//go:embed consent.html
var consentHTML string

type page struct {
	Client string
	Scopes []string
	// Error and Message make it a page that refuses.
	Error, Message string
}

func consentPage(client string, scopes []string) reply {
	return page{Client: client, Scopes: scopes}.render(http.StatusOK)
}

func errorPage(code, message string) reply {
	return page{Error: code, Message: message}.render(http.StatusBadRequest)
}

func (p page) render(status int) reply {
	var html strings.Builder
	if err := template.Must(template.New("consent").Parse(consentHTML)).Execute(&html, p); err != nil {
		return textReply(http.StatusInternalServerError, "text/plain", err.Error())
	}
	return textReply(status, "text/html; charset=utf-8", html.String())
}
