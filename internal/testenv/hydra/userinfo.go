package hydra

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"tokenkeeper/internal/token"
)

// UserInfo is what an application gets to know with an access token: whose it is
// (OpenID Connect Core 1.0 section 5.3).
func (s *Server) UserInfo(ctx context.Context, access token.Secret) (person string, err error) {
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
