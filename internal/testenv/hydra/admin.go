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
	// RefreshTokenLife is how long a refresh token lives that a refresh has
	// brought, such as "1s"; Hydra's default is 720h.
	RefreshTokenLife string `json:"refresh_token_grant_refresh_token_lifespan,omitempty"`
}

// Register registers a client.
func (s *Server) Register(ctx context.Context, r Registration) (token.Client, error) {
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := s.admin(ctx, http.MethodPost, "/admin/clients", r, &made); err != nil {
		return token.Client{}, err
	}
	return token.Client{ID: made.ID, Secret: token.NewSecret(made.Secret)}, nil
}

// Active is Hydra's word (RFC 7662) on whether a token is in force. Asking does
// not count as a use.
func (s *Server) Active(ctx context.Context, t token.Secret) (bool, error) {
	var answer struct {
		Active bool `json:"active"`
	}
	err := s.admin(ctx, http.MethodPost, "/admin/oauth2/introspect", url.Values{"token": {t.Reveal()}}, &answer)
	return answer.Active, err
}

// Withdraw ends every consent of a person, and the tokens with it.
func (s *Server) Withdraw(ctx context.Context, person string) error {
	return s.admin(ctx, http.MethodDelete, "/admin/oauth2/auth/sessions/consent?all=true&subject="+url.QueryEscape(person), nil, nil)
}

// admin asks Hydra for something as whoever runs it. The body is a form where it
// is url.Values, and JSON otherwise.
func (s *Server) admin(ctx context.Context, method, path string, body, answer any) error {
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
