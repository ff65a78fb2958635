package hydra

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tokenkeeper/internal/token"
)

// Registration is what a developer states to get a client: RFC 7591's fields.
type Registration struct {
	RedirectURIs []string `json:"redirect_uris"`
	// AuthMethod is client_secret_basic or client_secret_post; Hydra refuses a
	// client that comes with the other.
	AuthMethod string   `json:"token_endpoint_auth_method"`
	GrantTypes []string `json:"grant_types"`
	Scope      string   `json:"scope"`
	// RefreshTokenLife is how long a refresh token lives that came with a refresh,
	// such as "1s"; Hydra's default is 720h.
	RefreshTokenLife string `json:"refresh_token_grant_refresh_token_lifespan,omitempty"`
}

// Register registers a client.
func (s *Server) Register(ctx context.Context, r Registration) (token.Client, error) {
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := s.callAdmin(ctx, http.MethodPost, "/admin/clients", r, &made); err != nil {
		return token.Client{}, err
	}
	return token.Client{ID: made.ID, Secret: token.NewSecret(made.Secret)}, nil
}

// Active reports whether a token is in force (RFC 7662). The call does not count as
// a use of the token.
func (s *Server) Active(ctx context.Context, t token.Secret) (bool, error) {
	var answer struct {
		Active bool `json:"active"`
	}
	err := s.callAdmin(ctx, http.MethodPost, "/admin/oauth2/introspect", url.Values{"token": {t.Reveal()}}, &answer)
	return answer.Active, err
}

// Withdraw ends every consent of a user, and the tokens with it.
func (s *Server) Withdraw(ctx context.Context, user string) error {
	return s.callAdmin(ctx, http.MethodDelete, "/admin/oauth2/auth/sessions/consent?all=true&subject="+url.QueryEscape(user), nil, nil)
}

// UserInfo returns the user that an access token belongs to
// (OpenID Connect Core 1.0 section 5.3).
func (s *Server) UserInfo(ctx context.Context, access token.Secret) (user string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Public+"/userinfo", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+access.Reveal())
	answer, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask Hydra for /userinfo: it answers %s", answer.Status)
	}
	var info struct {
		Subject string `json:"sub"`
	}
	err = json.NewDecoder(answer.Body).Decode(&info)
	return info.Subject, err
}

// callAdmin calls Hydra as its operator. The body is a form where it is url.Values,
// and JSON otherwise.
func (s *Server) callAdmin(ctx context.Context, method, path string, body, answer any) error {
	content, kind := []byte(nil), "application/json"
	switch form, isForm := body.(url.Values); {
	case isForm:
		content, kind = []byte(form.Encode()), "application/x-www-form-urlencoded"
	case body != nil:
		content, _ = json.Marshal(body) // every body here can be
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Admin+path, bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("ask Hydra: %w", err)
	}
	request.Header.Set("Content-Type", kind)
	where, _, _ := strings.Cut(path, "?") // the query may hold a challenge
	answered, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("ask Hydra for %s %s: no answer", method, where)
	}
	defer func() { _ = answered.Body.Close() }()
	if answered.StatusCode >= 300 {
		return fmt.Errorf("ask Hydra for %s %s: it answers %s", method, where, answered.Status)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(answered.Body).Decode(answer); err != nil {
		return fmt.Errorf("ask Hydra for %s %s: read the answer: %w", method, where, err)
	}
	return nil
}
