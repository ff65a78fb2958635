package testenv

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Revoke ends the consent of an account at the provider, as a person does who
// no longer wants it. The vault keeps its tokens, which are worth nothing then.
func (s *System) Revoke(ctx context.Context, account string) error {
	form := url.Values{"token": {s.Held(account)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Provider.URL()+"/oauth2/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := s.Provider.Client()
	request.SetBasicAuth(client.ID, client.Secret.Reveal())
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("revoke the consent: %w", err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("revoke the consent: the provider answers %s", answer.Status)
	}
	return nil
}
