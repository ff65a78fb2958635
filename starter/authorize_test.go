package main

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/sim/authserver"
)

// shown is what a command prints while it runs.
type shown struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shown) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *shown) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// eventually waits until a text matches, and returns the match.
func (s *shown) eventually(t *testing.T, pattern string) string {
	t.Helper()
	want := regexp.MustCompile(pattern)
	require.Eventually(t, func() bool { return want.MatchString(s.String()) }, patience, 20*time.Millisecond, "it never shows %s", pattern)
	return want.FindString(s.String())
}

func TestAuthorizeWithoutABrowserReadsWhatIsPasted(t *testing.T) {
	for _, p := range authserver.Providers() {
		if p.Name == "shopify" {
			continue // its code exchange gives no refresh token unasked, so that its first pair is imported
		}
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			const redirect = "https://nowhere.test/callback"
			o, environ, err := startOutside(t.TempDir(), redirect, p.Name)
			t.Cleanup(o.close)
			require.NoError(t, err)
			environ = append(environ, "TEMPORAL_ADDRESS=127.0.0.1:1")

			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			stdin, types := typing(t)
			out := &shown{}
			root := newRoot(config.Environ(environ))
			root.SetArgs([]string{"authorize", "--provider", p.Name, "--account", "ann", "--no-browser", "--redirect-url", redirect})
			root.SetIn(stdin)
			root.SetOut(out)
			root.SetErr(out)
			ended := make(chan error, 1)
			go func() { ended <- root.ExecuteContext(ctx) }()

			out.eventually(t, "Client ID: $")
			types("FAKE0C")
			out.eventually(t, `Client secret \(not shown; empty for an app without one\): $`)
			types("fake-client-secret")
			address := out.eventually(t, `http://127\S+`)
			require.Contains(t, address, "code_challenge_method=S256")
			types(address)
			out.eventually(t, "allow it there, and paste where the browser goes then")
			types(redirectOf(t, address))
			select {
			case err := <-ended:
				require.NoError(t, err, out)
			case <-time.After(patience):
				t.Fatalf("it goes on asking:\n%s", out)
			}
			require.Contains(t, out.String(), "Stored: the tokens of "+p.Name+"/ann")
			require.Contains(t, out.String(), "Next: start its cron with:")
			require.NotContains(t, out.String(), "canary-token-7h3x-")
			require.NotContains(t, out.String(), "not granted")

			entry := map[string]string{"fitbit": "ann-RefreshToken", "google-health": "GoogleHealth-ann-RefreshToken"}[p.Name]
			if entry == "" {
				return
			}
			versions := o.vault.Versions(entry)
			require.Len(t, versions, 1)
			require.True(t, o.providers[p.Name].IsLive(versions[0].Value))
		})
	}
}

// redirectOf consents, and returns where the browser is sent.
func redirectOf(t *testing.T, address string) string { return redirectAs(t, address, "FAKE01") }

func redirectAs(t *testing.T, address, user string) string {
	t.Helper()
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := stay.PostForm(address, url.Values{"user": {user}, "decision": {"allow"}})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusFound, answer.StatusCode)
	return answer.Header.Get("Location")
}
