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
// account owner removes the app's access there.
var ErrNoRevocation = errors.New("has no endpoint to revoke a grant at")

// Revoke ends a grant at p, in one request. A grant that was over before is no
// error (RFC 7009 section 2.2). The error is [ErrNoRevocation] or a [*Failure].
func (c *Client) Revoke(ctx context.Context, p Provider, cl token.Client, pair token.Pair) error {
	if p.RevokeURL == "" {
		return ErrNoRevocation
	}
	request, err := revocationRequest(ctx, p, cl, pair)
	if err != nil {
		return err
	}
	once := c.once(p, []token.Secret{pair.RefreshToken, pair.AccessToken, cl.Secret})
	response, err := once.RoundTrip(request)
	if err != nil {
		return transportError(p, revoking, err, once.maybeSent())
	}
	_ = response.Body.Close()
	err = classifyRevocation(p, *once.answer)
	if failure, ok := errors.AsType[*Failure](err); ok && failure.Kind == InvalidClient {
		failure.Fix += headerHint(p, cl)
	}
	return err
}

// revocationRequest makes the request that p.Revocation describes.
func revocationRequest(ctx context.Context, p Provider, cl token.Client, pair token.Pair) (*http.Request, error) {
	method, form, secret := http.MethodPost, url.Values{}, pair.RefreshToken
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
		return nil, &Failure{
			Provider: p.Name, Op: revoking, Kind: RequestRejected,
			Detail: "there is no token to show; nothing was sent", Fix: removeAccessHint(p),
		}
	}
	inHeader := p.AuthStyle.inHeader(cl)
	if p.Revocation == RevokeToken && !inHeader {
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
	if method == http.MethodDelete {
		request.Header.Set("Authorization", "Bearer "+secret.Reveal())
	} else {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if p.Revocation == RevokeToken && inHeader {
		// RFC 6749 section 2.3.1: the two are form-encoded before they are joined.
		request.SetBasicAuth(url.QueryEscape(cl.ID), url.QueryEscape(cl.Secret.Reveal()))
	}
	return request, nil
}

// classifyRevocation decides whether the grant is over. It also is when the
// provider does not know the token or calls it expired.
func classifyRevocation(p Provider, a Answer) error {
	a = p.Dialect.translate(a)
	p.DeadAnswers = nil // they are about refreshes
	said := readError(p, a)
	kind := said.kind(a.Status)
	if a.Status >= 200 && a.Status < 300 || kind == InvalidGrant || a.Status == http.StatusBadRequest && said.word == "invalid_token" {
		return nil
	}
	if a.Status == http.StatusUnauthorized && (p.Revocation == RevokeByAccess || p.Revocation == RevokeByBearer) {
		kind = RequestRejected // the access token has lapsed, so a retry cannot succeed
	}
	failure := &Failure{
		Provider: p.Name, Op: revoking, Kind: kind, Status: a.Status, Detail: said.detail,
		RetryAfter: retryAfter(p, kind, a), Fix: "or " + removeAccessHint(p),
	}
	switch {
	case kind == InvalidClient:
		failure.Fix = hint(p, a, kind, said)
	case a.Status >= 300 && a.Status < 400:
		failure.Fix = movedHint("revoke_url", p, a) + ", or " + removeAccessHint(p)
	}
	return failure
}
