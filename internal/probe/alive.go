package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// aliveTimeout bounds one question about an access token.
const aliveTimeout = 20 * time.Second

// CheckAddress refuses an address that an access token may not be sent to: all but https,
// and http on this machine.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("is no address; write it whole, such as https://api.example.com/me")
	case u.User != nil || u.Fragment != "":
		return errors.New("must have no user, password or fragment")
	case u.Scheme == "https":
		return nil
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return errors.New("must begin with https://, because a token goes there")
}

// ByResource tells whether an access token is in force by what a protected resource says to
// it (RFC 6750).
func ByResource(address string) func(context.Context, token.Secret) (bool, error) {
	return func(ctx context.Context, access token.Secret) (bool, error) {
		status, _, err := ask(ctx, http.MethodGet, address, nil, "Bearer "+access.Reveal())
		switch {
		case err != nil:
			return false, fmt.Errorf("ask the resource: %w", err)
		case status >= 200 && status < 300:
			return true, nil
		case status == http.StatusUnauthorized:
			return false, nil
		}
		return false, fmt.Errorf("ask the resource: it answers %d, which says nothing of the token; name one that the grant's scopes cover", status)
	}
}

// ByIntrospection tells it by the provider's introspection endpoint (RFC 7662).
func ByIntrospection(address string, p provider.Provider, client token.Client) func(context.Context, token.Secret) (bool, error) {
	return func(ctx context.Context, access token.Secret) (bool, error) {
		form, authorization := url.Values{"token": {access.Reveal()}, "token_type_hint": {"access_token"}}, ""
		if p.AuthStyle == provider.AuthHeader && !client.Secret.Empty() {
			request := &http.Request{Header: http.Header{}}
			request.SetBasicAuth(url.QueryEscape(client.ID), url.QueryEscape(client.Secret.Reveal())) // RFC 6749 section 2.3.1
			authorization = request.Header.Get("Authorization")
		} else {
			form.Set("client_id", client.ID)
			form.Set("client_secret", client.Secret.Reveal())
		}
		status, body, err := ask(ctx, http.MethodPost, address, strings.NewReader(form.Encode()), authorization)
		var answer struct {
			Active *bool `json:"active"`
		}
		switch {
		case err != nil:
			return false, fmt.Errorf("introspect: %w", err)
		case status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Active == nil:
			return false, fmt.Errorf("introspect: the answer (%d) does not say whether the token is active", status)
		}
		return *answer.Active, nil
	}
}

// ask makes one request. Its error quotes nothing, because addresses may hold secrets.
func ask(ctx context.Context, method, address string, body io.Reader, authorization string) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return 0, nil, errors.New("the address is not valid")
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	resp, err := provider.Transport().RoundTrip(request) // follows no redirect
	if err != nil {
		return 0, nil, errors.New("no answer; check the address")
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ = io.ReadAll(io.LimitReader(resp.Body, provider.MaxBody))
	return resp.StatusCode, answer, nil
}
