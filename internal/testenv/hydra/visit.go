package hydra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// Where Hydra sends users to log in and to consent. Nothing is served there.
const (
	loginPage   = "/the-login-page"
	consentPage = "/the-consent-page"
)

// maxRedirects is more than a consent takes: to the login page, back, to the
// consent page, back, and to the client.
const maxRedirects = 10

// Visit has a user open an authorization URL in a browser, log in, and consent
// to all that is asked for. It returns the URL at the client that Hydra sends the
// browser to in the end, and does not open that. The user logs in anew each time.
func (s *Server) Visit(ctx context.Context, authorization, user string) (callback string, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at := authorization
	for range maxRedirects {
		page, err := url.Parse(at)
		if err != nil {
			return "", errors.New("visit Hydra: it redirects to something that is no URL")
		}
		switch {
		case !strings.HasPrefix(at, s.Public+"/"):
			return at, nil
		case page.Path == loginPage:
			at, err = s.accept(ctx, "login", page.Query().Get("login_challenge"), map[string]any{"subject": user})
		case page.Path == consentPage:
			at, err = s.consent(ctx, page.Query().Get("consent_challenge"))
		default:
			at, err = follow(ctx, browser, at)
		}
		if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("visit Hydra: no end after %d redirects", maxRedirects)
}

// consent grants everything that the client asks for.
func (s *Server) consent(ctx context.Context, challenge string) (string, error) {
	var asked struct {
		Scope []string `json:"requested_scope"`
	}
	err := s.callAdmin(ctx, http.MethodGet, "/admin/oauth2/auth/requests/consent?consent_challenge="+url.QueryEscape(challenge), nil, &asked)
	if err != nil {
		return "", err
	}
	return s.accept(ctx, "consent", challenge, map[string]any{"grant_scope": asked.Scope})
}

// accept answers one of Hydra's challenges and returns where it goes on.
func (s *Server) accept(ctx context.Context, kind, challenge string, answer any) (string, error) {
	var next struct {
		RedirectTo string `json:"redirect_to"`
	}
	path := fmt.Sprintf("/admin/oauth2/auth/requests/%s/accept?%[1]s_challenge=%s", kind, url.QueryEscape(challenge))
	err := s.callAdmin(ctx, http.MethodPut, path, answer, &next)
	return next.RedirectTo, err
}

// follow opens one of Hydra's pages and returns where it redirects to.
func follow(ctx context.Context, browser *http.Client, page string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", errors.New("visit Hydra: cannot ask for the page")
	}
	answer, err := browser.Do(request)
	if err != nil {
		return "", errors.New("visit Hydra: no answer")
	}
	_ = answer.Body.Close()
	next, err := answer.Location()
	if err != nil {
		return "", fmt.Errorf("visit Hydra: %s%s answers %s instead of a redirect", request.URL.Host, request.URL.Path, answer.Status)
	}
	return next.String(), nil
}
