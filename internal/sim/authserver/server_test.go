package authserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

const user = "FAKE01"

// start serves until the test ends.
func start(t *testing.T, o authserver.Options) *authserver.Server {
	t.Helper()
	server, err := authserver.Start(o)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return server
}

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &body), a.body)
	return body
}

// errorType is Fitbit's code of the first error.
func (a answer) errorType(t *testing.T) string {
	t.Helper()
	var body struct {
		Errors []struct {
			ErrorType string `json:"errorType"`
			Message   string `json:"message"`
		} `json:"errors"`
		Success *bool `json:"success"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body), a.body)
	require.Len(t, body.Errors, 1)
	require.NotEmpty(t, body.Errors[0].Message)
	require.NotNil(t, body.Success)
	require.False(t, *body.Success)
	return body.Errors[0].ErrorType
}

// post sends a form as the server's own client, changed by edit. Each request has a
// connection of its own, so that the transport does not retry after a reset.
func post(ctx context.Context, s *authserver.Server, path string, form url.Values, edit ...func(*http.Request)) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret := s.Client().Secret; !secret.Empty() {
		r.SetBasicAuth(s.Client().ID, secret.Reveal())
	}
	for _, f := range edit {
		f(r)
	}
	return send(r)
}

func send(r *http.Request) (answer, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

func refresh(ctx context.Context, s *authserver.Server, refreshToken string) (answer, error) {
	return post(ctx, s, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
}

func mustRefresh(t *testing.T, s *authserver.Server, refreshToken string) answer {
	t.Helper()
	a, err := refresh(t.Context(), s, refreshToken)
	require.NoError(t, err)
	return a
}

// profile uses an access token.
func profile(t *testing.T, s *authserver.Server, accessToken string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/1/user/-/profile.json", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+accessToken)
	a, err := send(r)
	require.NoError(t, err)
	return a
}

func fingerprint(secret string) token.Fingerprint { return token.NewSecret(secret).Fingerprint() }

// clock is a provider's clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestCloseCutsRequestsInFlight(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	require.NoError(t, s.Inject(authserver.Fault{Hold: true}))
	failed := make(chan error, 1)
	go func() {
		_, err := refresh(t.Context(), s, refreshToken)
		failed <- err
	}()
	requireHeld(t, s, 1)

	s.Close()
	s.Close() // once more does no harm
	require.Error(t, <-failed)
	requireHeld(t, s, 0)
	require.True(t, s.Replayable(refreshToken), "the request had taken effect")
	_, err := refresh(t.Context(), s, refreshToken)
	require.Error(t, err)
}

func TestAListenerOnAllInterfacesGivesAnAddressToCall(t *testing.T) {
	s := start(t, authserver.Options{Listen: "0.0.0.0:0"})
	require.True(t, strings.HasPrefix(s.URL(), "http://127.0.0.1:"), s.URL())
	refreshToken, _ := s.CreateGrant(user)
	require.Equal(t, http.StatusOK, mustRefresh(t, s, refreshToken).status)
}

func TestStartSaysWhichAddressIsTaken(t *testing.T) {
	s := start(t, authserver.Options{})
	address := strings.TrimPrefix(s.URL(), "http://")
	_, err := authserver.Start(authserver.Options{Listen: address})
	require.ErrorContains(t, err, address)
	require.ErrorContains(t, err, "choose another address")
}
