package provider_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

func TestWhatAProviderSendsTooMuchOfIsOneFailure(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  authserver.Fault
		kind   provider.Kind
		detail string
		issued bool
	}{
		{"headers", authserver.Fault{Answer: authserver.FloodHeaders, Commit: true}, provider.Unreachable, "an answer with more than 64 KiB of headers", false},
		{"a body", authserver.Fault{Answer: authserver.FloodBody, Commit: true}, provider.Malformed, "an answer of more than 256 KiB", true},
		{"a drip", authserver.Fault{Answer: authserver.Drip, Pause: authserver.Duration(50 * time.Millisecond)}, provider.Malformed, "an answer that broke off", false},
		{"an odd token", authserver.Fault{Answer: authserver.OddTokens}, provider.Malformed, "a refresh token that has characters that no token may have (RFC 6749 appendix A)", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := authserver.Start(authserver.Options{})
			require.NoError(t, err)
			t.Cleanup(s.Close)
			p := lookup(t, "fitbit")
			p.TokenURL = s.URL() + s.Imitates().TokenPath
			refreshToken, _ := s.CreateGrant("FAKE01")
			require.NoError(t, s.Inject(tc.fault))

			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			sender := provider.NewClient(nil)
			if tc.fault.Answer == authserver.Drip {
				sender = provider.NewClient(cutShort{cancel})
			}
			client := token.Client{ID: s.Client().ID, Secret: s.Client().Secret}
			_, err = sender.Refresh(ctx, p, client, token.NewSecret(refreshToken))
			failure := failureOf(t, err, tc.kind)
			require.Equal(t, tc.detail, failure.Detail)
			require.True(t, failure.MaybeSpent)
			require.Equal(t, tc.issued, failure.Issued)
			require.Equal(t, 1, s.Stats().Total.Calls[authserver.Token])

			_, err = provider.NewClient(nil).Refresh(t.Context(), p, client, token.NewSecret(refreshToken))
			require.NoError(t, err, "the replay")
		})
	}
}

// cutShort ends a request once the first byte of its answer's body is there.
type cutShort struct{ end context.CancelFunc }

func (c cutShort) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err == nil {
		response.Body = cutBody{response.Body, c.end}
	}
	return response, err
}

type cutBody struct {
	io.ReadCloser
	end context.CancelFunc
}

func (b cutBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.end()
	}
	return n, err
}

// The server of this test allocates nothing for what it sends, so that all memory is the
// client's.
func TestMemoryStaysFlatWhateverAProviderSends(t *testing.T) {
	const accounts, sent = 40, 9_000_000
	for name, begin := range map[string]string{
		"headers": "HTTP/1.1 200 OK\r\nX-Flood: ",
		"a body":  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"access_token\":\"",
	} {
		t.Run(name, func(t *testing.T) {
			p := lookup(t, "fitbit")
			p.TokenURL = "http://" + flood(t, begin, sent) + "/oauth2/token"
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var all sync.WaitGroup
			for range accounts {
				all.Go(func() {
					_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
					assert.Error(t, err)
				})
			}
			all.Wait()
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(accounts*5<<20), "bytes for all accounts together")
		})
	}
}

// flood answers every connection with begin and then with as many bytes.
func flood(t *testing.T, begin string, size int) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	chunk := bytes.Repeat([]byte("a"), 64<<10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, err := conn.Write([]byte(begin))
				for n := 0; n < size && err == nil; n += len(chunk) {
					_, err = conn.Write(chunk)
				}
			}()
		}
	}()
	return l.Addr().String()
}
