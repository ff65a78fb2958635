package tokens

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// maxRepeat bounds the body of a request that is kept in order to send it again.
const maxRepeat = 1 << 20

// Client sends the token with each request. A request that is answered 401 is sent once
// more, where the vault has another token by then and the request's body can be sent
// again. Base does the sending; nil is [http.DefaultTransport].
func (s *Source) Client(base http.RoundTripper) *http.Client {
	if base == nil {
		base = http.DefaultTransport
	}
	return &http.Client{Transport: &transport{s, base}}
}

type transport struct {
	source *Source
	base   http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	request, err := repeatable(request)
	if err != nil {
		return nil, err
	}
	first, err := t.source.TokenContext(request.Context())
	if err != nil {
		closeBody(request)
		return nil, err
	}
	answer, err := t.send(request, first.AccessToken)
	if err != nil || answer.StatusCode != http.StatusUnauthorized || request.Body != nil && request.GetBody == nil {
		return answer, err
	}
	t.source.Invalidate(first.AccessToken)
	second, err := t.source.TokenContext(request.Context())
	if err != nil || second.AccessToken == first.AccessToken {
		return answer, nil // the provider's answer says more than that there is no newer one
	}
	again := request.Clone(request.Context())
	if request.GetBody != nil {
		if again.Body, err = request.GetBody(); err != nil {
			return answer, nil
		}
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxRepeat)) // so that the connection can be used again
	_ = answer.Body.Close()
	return t.send(again, second.AccessToken)
}

func (t *transport) send(request *http.Request, accessToken string) (*http.Response, error) {
	request = request.Clone(request.Context()) // a RoundTripper does not change its request
	request.Header.Set("Authorization", "Bearer "+accessToken)
	return t.base.RoundTrip(request)
}

// repeatable keeps a small body that could be sent once only. One without a length is a
// stream, which may have no end.
func repeatable(request *http.Request) (*http.Request, error) {
	if request.Body == nil || request.Body == http.NoBody || request.GetBody != nil || request.ContentLength <= 0 || request.ContentLength > maxRepeat {
		return request, nil
	}
	body, err := io.ReadAll(request.Body)
	closeBody(request)
	if err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	kept := request.Clone(request.Context())
	kept.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	kept.Body, _ = kept.GetBody()
	return kept, nil
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}
