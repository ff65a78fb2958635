package keyvault_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// hostile is a vault that answers everything as the handler does.
func hostile(t *testing.T, handler http.HandlerFunc) (*httptest.Server, *keyvault.Client) {
	t.Helper()
	return hostileOver(t, true, handler)
}

// hostileOver is hostile over HTTP/2 or HTTP/1.1.
func hostileOver(t *testing.T, http2 bool, handler http.HandlerFunc) (*httptest.Server, *keyvault.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server, emulator(t, server.URL, keyvault.Options{RootCAs: roots})
}

// challenged answers as a vault does until a request brings a token.
func challenged(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.example/00000000-0000-0000-0000-000000000000", resource="https://vault.azure.net"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

func TestTheVaultsRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(fmt.Sprint(status, " to ", scheme), func(t *testing.T) {
				t.Parallel()
				var followed atomic.Int32
				elsewhere := func(w http.ResponseWriter, _ *http.Request) {
					followed.Add(1)
					_, _ = io.WriteString(w, `{"id":"https://v/secrets/n/1","value":"fake"}`)
				}
				target := httptest.NewServer(http.HandlerFunc(elsewhere))
				var self *httptest.Server
				self, c := hostile(t, challenged(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasPrefix(r.URL.Path, "/elsewhere") {
						elsewhere(w, r)
						return
					}
					base := target.URL
					if scheme == "https" {
						base = self.URL
					}
					http.Redirect(w, r, base+"/elsewhere", status)
				}))
				t.Cleanup(target.Close)
				for op, err := range every(t.Context(), c, "1") {
					require.ErrorIs(t, err, vault.ErrUnavailable, op)
					require.ErrorContains(t, err, fmt.Sprint(status))
					require.ErrorContains(t, err, "a redirect, which is not followed")
				}
				require.Zero(t, followed.Load())
			})
		}
	}
}

// The first write goes out without a token and without a body, so that a 301 that is
// followed becomes a read.
func TestAWriteThatIsRedirectedDoesNotSucceed(t *testing.T) {
	t.Parallel()
	_, c := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			http.Redirect(w, r, r.URL.Path, http.StatusMovedPermanently)
			return
		}
		_, _ = io.WriteString(w, `{"id":"https://v/secrets/n/1","value":"fake"}`)
	})
	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.NotContains(t, err.Error(), value)
}

func TestAListingThatLeadsToAnotherHostSendsNothingThere(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(other.Close)
	link := strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/page-2"
	_, c := hostile(t, challenged(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"value":[{"id":"https://v/secrets/n/1"}],"nextLink":%q}`, link)
	}))
	_, err := c.Versions(t.Context(), name)
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "a link to another host, after 1 versions")
	require.Zero(t, asked.Load())
}

func TestTheVaultsAnswersAreBounded(t *testing.T) {
	t.Parallel()
	flood := strings.Repeat("a", 64<<10)
	headers := func(count int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := range count {
				w.Header().Set(fmt.Sprint("X-Flood-", i), flood[:4<<10])
			}
		}
	}
	for _, tc := range []struct {
		name   string
		http2  bool
		says   string
		answer http.HandlerFunc
	}{
		{"headers", false, "has more than 64 KiB of headers", headers(20)},
		{"headers over HTTP/2", true, "has what breaks HTTP/2, such as far too many headers", headers(2_000)},
		{"a body", true, "has a body of more than 1 MiB", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"value":"fake`)
			for range 500 << 20 / len(flood) {
				if _, err := io.WriteString(w, flood); err != nil {
					return
				}
			}
		}},
		{"an error's body", false, "has a body of more than 1 MiB", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			for range 500 << 20 / len(flood) {
				if _, err := io.WriteString(w, flood); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			_, c := hostileOver(t, tc.http2, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				tc.answer(w, r)
			})
			_, err := c.Get(t.Context(), name, "")
			require.ErrorIs(t, err, vault.ErrUnavailable)
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, int32(1), asked.Load(), "what floods is not asked again at once")
		})
	}
}

func TestAVaultThatDripsIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	_, c := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		for pieces := http.NewResponseController(w); ; {
			if _, err := io.WriteString(w, " "); err != nil || pieces.Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	began := time.Now()
	_, err := c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.Less(t, time.Since(began), time.Minute)
}

func TestAVaultWithoutTLS12GetsNothing(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	_, err := emulator(t, server.URL, keyvault.Options{RootCAs: roots}).Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.Zero(t, asked.Load())
}

// The identity endpoint of a machine or service answers in plain http, and the request
// carries a secret of its own.
func TestTheIdentityEndpointsAnswersAreBoundedToo(t *testing.T) {
	for _, tc := range []struct {
		name, says string
		answer     func(w http.ResponseWriter, r *http.Request, elsewhere string)
	}{
		{"a redirect", "request for a token", func(w http.ResponseWriter, r *http.Request, elsewhere string) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}},
		{"a flood of headers", "", func(w http.ResponseWriter, _ *http.Request, _ string) {
			for i := range 20 {
				w.Header().Set(fmt.Sprint("X-Flood-", i), strings.Repeat("a", 4<<10))
			}
			_, _ = io.WriteString(w, `{"access_token":"fake-access","expires_on":"4000000000","resource":"https://vault.azure.net","token_type":"Bearer"}`)
		}},
		{"a flood", "", func(w http.ResponseWriter, r *http.Request, _ string) {
			flood := strings.Repeat("a", 64<<10)
			_, _ = io.WriteString(w, `{"access_token":"`)
			for range 2 << 20 / len(flood) {
				if _, err := io.WriteString(w, flood); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, `","expires_on":"4000000000","resource":"https://vault.azure.net","token_type":"Bearer"}`)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var followed atomic.Int32
			elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				followed.Add(1)
				_, _ = io.WriteString(w, `{"access_token":"fake-access","expires_on":"4000000000","resource":"https://vault.azure.net","token_type":"Bearer"}`)
			}))
			t.Cleanup(elsewhere.Close)
			endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tc.answer(w, r, elsewhere.URL) }))
			t.Cleanup(endpoint.Close)
			t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
			t.Setenv("IDENTITY_HEADER", "fake-identity-header")
			credential, err := keyvault.NewCredential(keyvault.Options{Credential: keyvault.CredentialManaged})
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err = credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}})
			require.Error(t, err)
			require.NotContains(t, err.Error(), "fake-identity-header")
			require.Zero(t, followed.Load())

			_, err = with(t, credential).Get(t.Context(), name, "")
			require.ErrorIs(t, err, vault.ErrUnavailable)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// A process of its own, because the limit would be that of every test beside it.
func TestAProcessWithoutFileDescriptorsSaysSo(t *testing.T) {
	server, _ := start(t, sim.Options{})
	if starved := os.Getenv("TOKENKEEPER_TEST_STARVED"); starved != "" {
		starve(t, server)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAProcessWithoutFileDescriptorsSaysSo$", "-test.v")
	cmd.Env = append(cmd.Environ(), "TOKENKEEPER_TEST_STARVED=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func starve(t *testing.T, server *sim.Server) {
	t.Helper()
	c := client(t, server)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = 0
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	_, err := c.Get(t.Context(), name, "")
	limit.Cur = limit.Max
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "too many open files")
	require.ErrorContains(t, err, "ulimit -n")
}
