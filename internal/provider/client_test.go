package provider_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

const goodAnswer = `{"access_token":"fake-access-token-2","expires_in":28800,"refresh_token":"fake-refresh-token-2","scope":"sleep","token_type":"Bearer","user_id":"ABC123"}`

var (
	fakeClient  = token.Client{ID: "23ABCD", Secret: token.NewSecret("0123456789abcdef0123456789abcdef")}
	fakeRefresh = token.NewSecret("fake-refresh-token-1")
)

// reply writes a body; a client that has left is no concern of the server's.
func reply(w io.Writer, body string) { _, _ = io.WriteString(w, body) }

// endpoint is Fitbit's token endpoint on loopback; see endpointOf.
func endpoint(t *testing.T, handle http.HandlerFunc) (provider.Provider, *atomic.Int32) {
	t.Helper()
	return endpointOf(t, "fitbit", handle)
}

// endpointOf is a built-in provider with a token endpoint on loopback that counts
// its requests.
func endpointOf(t *testing.T, name string, handle http.HandlerFunc) (provider.Provider, *atomic.Int32) {
	t.Helper()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	p := lookup(t, name)
	p.TokenURL = server.URL + "/oauth2/token"
	return p, &requests
}

func requireKind(t *testing.T, err error, kind provider.Kind) {
	t.Helper()
	_ = failureOf(t, err, kind)
}

// failureOf is the failure in err, which is of this kind and holds no token.
func failureOf(t *testing.T, err error, kind provider.Kind) *provider.Failure {
	t.Helper()
	var failure *provider.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, kind, failure.Kind, "%v", err)
	require.NotContains(t, err.Error(), fakeRefresh.Reveal())
	return failure
}

func TestRefreshGetsAPairForOnePOST(t *testing.T) {
	var got *http.Request
	p, requests := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() == nil {
			got = r
		}
		reply(w, goodAnswer)
	})
	before := time.Now()
	pair, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.NoError(t, err)

	require.Equal(t, "fake-access-token-2", pair.AccessToken.Reveal())
	require.Equal(t, "fake-refresh-token-2", pair.RefreshToken.Reveal())
	require.Equal(t, "ABC123", pair.UserID)
	require.Equal(t, []string{"sleep"}, pair.Scopes)
	require.WithinRange(t, pair.ObtainedAt, before, time.Now())
	require.Equal(t, 8*time.Hour, pair.Expiry.Sub(pair.ObtainedAt))

	require.EqualValues(t, 1, requests.Load())
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "application/x-www-form-urlencoded", got.Header.Get("Content-Type"))
	require.Empty(t, got.URL.RawQuery)
	require.Equal(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"fake-refresh-token-1"}}, got.PostForm)
}

// RFC 6749 section 2.3.1 has id and secret form-encoded before they become a
// Basic header, and golang.org/x/oauth2 does so. Fitbit decodes nothing, but
// its ids and secrets are letters and digits, which the encoding leaves alone.
func TestClientAuthentication(t *testing.T) {
	for _, tc := range []struct {
		name   string
		style  provider.AuthStyle
		client token.Client
		basic  string
		form   url.Values
	}{
		{"Fitbit's own, in the header", provider.AuthHeader, fakeClient, "23ABCD:0123456789abcdef0123456789abcdef", url.Values{}},
		{"special characters in the header", provider.AuthHeader, token.Client{ID: "a b", Secret: token.NewSecret("p:%&+/ü")}, "a+b:p%3A%25%26%2B%2F%C3%BC", url.Values{}},
		{"in the body", provider.AuthBody, token.Client{ID: "a b", Secret: token.NewSecret("p:%&+/ü")}, "", url.Values{"client_id": {"a b"}, "client_secret": {"p:%&+/ü"}}},
		{"a public client, whatever the style", provider.AuthHeader, token.Client{ID: "23ABCD"}, "", url.Values{"client_id": {"23ABCD"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var header string
			form := url.Values{}
			p, requests := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				header = r.Header.Get("Authorization")
				for _, key := range []string{"client_id", "client_secret"} {
					if v := r.PostFormValue(key); v != "" {
						form.Set(key, v)
					}
				}
				w.WriteHeader(http.StatusUnauthorized)
			})
			p.AuthStyle = tc.style
			_, err := provider.NewClient(nil).Refresh(t.Context(), p, tc.client, fakeRefresh)
			requireKind(t, err, provider.Unexpected)

			require.EqualValues(t, 1, requests.Load(), "another style was tried with the same token")
			encoded, _ := strings.CutPrefix(header, "Basic ")
			plain, err := base64.StdEncoding.DecodeString(encoded)
			require.NoError(t, err)
			require.Equal(t, tc.basic, string(plain))
			require.Equal(t, tc.form, form)
		})
	}
}

func TestRefreshKeepsAnAnswerWithoutARefreshTokenApartFromTheOldToken(t *testing.T) {
	p, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, `{"access_token":"fake-access-token-2"}`)
	})
	p.Rotation = provider.NoRotation
	pair, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.NoError(t, err)
	require.True(t, pair.RefreshToken.Empty())

	p.Rotation = provider.SingleUse
	_, err = provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	requireKind(t, err, provider.Malformed)
}

func TestRefreshClassifiesWhatTheServerSays(t *testing.T) {
	p, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		reply(w, fitbitError("invalid_grant", "Refresh token invalid: fake-refresh-token-1."))
	})
	_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	requireKind(t, err, provider.InvalidGrant)
}

func TestRefreshReadsNoMoreThanItTakes(t *testing.T) {
	gone := make(chan struct{})
	p, _ := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		reply(w, `{"access_token":"`)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("a", 64<<10)); err != nil {
				return
			}
		}
	})
	_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.Equal(t, "an answer of more than 256 KiB", failureOf(t, err, provider.Malformed).Detail)
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the rest of the answer is still being read")
	}
}

func TestAnAnswerThatBreaksOffIsMalformed(t *testing.T) {
	p, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		reply(w, goodAnswer[:len(goodAnswer)-1])
	})
	_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.Equal(t, "an answer that broke off", failureOf(t, err, provider.Malformed).Detail)
}

func TestAPairThatIsWholeOutlivesItsConnection(t *testing.T) {
	p, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		reply(w, goodAnswer)
	})
	pair, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.NoError(t, err)
	require.False(t, pair.RefreshToken.Empty())
}

func TestRefreshSendsNothingWithoutARefreshToken(t *testing.T) {
	p, requests := endpoint(t, func(http.ResponseWriter, *http.Request) {})
	_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, token.Secret{})
	requireKind(t, err, provider.RequestRejected)
	require.Zero(t, requests.Load())
}

// roundTripper stands for networks that cannot be had on loopback.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Without GetBody neither HTTP/1 nor HTTP/2 can send the form a second time on
// a new connection.
func TestTransportsGetNothingToReplay(t *testing.T) {
	var sent int
	client := provider.NewClient(roundTripper(func(r *http.Request) (*http.Response, error) {
		sent++
		require.Nil(t, r.GetBody)
		require.Empty(t, r.Header.Get("Idempotency-Key"))
		return nil, io.EOF
	}))
	_, err := client.Refresh(t.Context(), lookup(t, "fitbit"), fakeClient, fakeRefresh)
	requireKind(t, err, provider.Unreachable)
	require.Equal(t, 1, sent)
}

func TestAStaleConnectionIsNotTriedAgain(t *testing.T) {
	var connections atomic.Int32
	p, requests := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		if connections.Add(1) == 1 {
			reply(w, goodAnswer)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	keepAlive := &http.Transport{}
	t.Cleanup(keepAlive.CloseIdleConnections)
	client := provider.NewClient(keepAlive)
	_, err := client.Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.NoError(t, err)
	_, err = client.Refresh(t.Context(), p, fakeClient, fakeRefresh)
	requireKind(t, err, provider.Unreachable)
	require.EqualValues(t, 2, requests.Load())
}
