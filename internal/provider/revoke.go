package provider

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"tokenkeeper/internal/token"
)

// ErrNoRevocation: the provider documents no endpoint that ends a grant. The
// person does it in their account there.
var ErrNoRevocation = errors.New("has no endpoint to revoke a grant at")

// Revoke tells p that a grant is over, in one request. That the grant was over
// before is no error (RFC 7009 section 2.2). The error is [ErrNoRevocation] or a
// [*Failure].
func (c *Client) Revoke(ctx context.Context, p Provider, cl token.Client, pair token.Pair) error {
	if p.RevokeURL == "" {
		return ErrNoRevocation
	}
	request, err := revocation(ctx, p, cl, pair)
	if err != nil {
		return err
	}
	once := &exchange{transport: c.transport}
	response, err := once.RoundTrip(request)
	if err != nil {
		failure := noAnswer(p, err)
		failure.Op = revoking
		return failure
	}
	_ = response.Body.Close()
	return judgeRevocation(p, *once.answer)
}

// revocation is the request that p wants.
func revocation(ctx context.Context, p Provider, cl token.Client, pair token.Pair) (*http.Request, error) {
	form, secret := url.Values{}, pair.RefreshToken
	method := http.MethodPost
	switch p.Revocation {
	case RevokeByAccess:
		secret = pair.AccessToken
		form.Set("access_token", secret.Reveal())
	case RevokeByBearer:
		method, secret = http.MethodDelete, pair.AccessToken
	case RevokeToken:
		form.Set("token_type_hint", "refresh_token")
		fallthrough
	default:
		form.Set("token", secret.Reveal())
	}
	if secret.Empty() {
		return nil, &Failure{Provider: p.Name, Op: revoking, Kind: RequestRejected, Detail: "there is no token to show; nothing was sent",
			Fix: "have the person remove the app's access in their account at " + p.Title}
	}
	inBody := p.AuthStyle == AuthBody || cl.Secret.Empty()
	if p.Revocation == RevokeToken && inBody {
		form.Set("client_id", cl.ID)
		if !cl.Secret.Empty() {
			form.Set("client_secret", cl.Secret.Reveal())
		}
	}
	var body io.Reader = strings.NewReader(form.Encode())
	if method == http.MethodDelete {
		body = http.NoBody
	}
	request, err := http.NewRequestWithContext(ctx, method, p.RevokeURL, body)
	if err != nil {
		return nil, &Failure{Provider: p.Name, Op: revoking, Kind: RequestRejected, Detail: "its revoke_url is not a URL"}
	}
	switch {
	case method == http.MethodDelete:
		request.Header.Set("Authorization", "Bearer "+secret.Reveal())
	default:
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if p.Revocation == RevokeToken && !inBody {
		// RFC 6749 section 2.3.1: the two are form-encoded before they are joined.
		request.SetBasicAuth(url.QueryEscape(cl.ID), url.QueryEscape(cl.Secret.Reveal()))
	}
	return request, nil
}

// judgeRevocation decides whether the grant is over. A token that the provider
// does not know, or calls expired, is one that nobody can use.
func judgeRevocation(p Provider, a Answer) error {
	a = p.Dialect.translate(a)
	code, detail := readError(a)
	kind := kindOf(a.Status, code)
	if a.Status >= 200 && a.Status < 300 || kind == InvalidGrant || a.Status == http.StatusBadRequest && code == "invalid_token" {
		return nil
	}
	if a.Status == http.StatusUnauthorized && (p.Revocation == RevokeByAccess || p.Revocation == RevokeByBearer) {
		// The access token has lapsed, and no other try of it will do.
		kind = RequestRejected
	}
	failure := &Failure{Provider: p.Name, Op: revoking, Kind: kind, Status: a.Status, Detail: detail, RetryAfter: retryAfter(p, kind, a)}
	if kind == InvalidClient {
		failure.Fix = fix(p, kind, code)
	} else {
		failure.Fix = "or have the person remove the app's access in their account at " + p.Title
	}
	return failure
}
