package keyvault_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

const (
	name  = "RefreshToken"
	value = "fake-refresh-token-1"
)

func start(t *testing.T, o keyvault.Options) (*keyvault.Server, api) {
	t.Helper()
	server, err := keyvault.Start(o)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return server, dial(t, server.URL(), server.CertificatePEM())
}

// clock is a vault's clock that a test moves.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(c.passed.Load()))
}

func (c *clock) advance(d time.Duration) { c.passed.Add(int64(d)) }

// eventually waits as long as a machine may take whose cores are all loaded.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 2*time.Minute, 10*time.Millisecond)
}

// api is a plain HTTPS client of a vault, without any Azure library.
type api struct {
	t    *testing.T
	url  string
	http *http.Client
}

func dial(t *testing.T, url string, certificate []byte) api {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certificate))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return api{t, url, &http.Client{Transport: transport}}
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// code is the error's code and inner code, such as "Conflict/ObjectIsDeletedButRecoverable".
func (a answer) code() string {
	e, ok := a.body["error"].(map[string]any)
	if !ok {
		return ""
	}
	code := e["code"].(string)
	if inner, ok := e["innererror"].(map[string]any); ok {
		code += "/" + inner["code"].(string)
	}
	return code
}

func (a answer) version() string {
	id := a.body["id"].(string)
	return id[strings.LastIndex(id, "/")+1:]
}

// call goes to a path of the API, with a token and an api-version.
func (a api) call(method, path, body string) answer {
	a.t.Helper()
	got, err := a.try(method, withVersion(path), body, "Bearer any")
	require.NoError(a.t, err)
	return got
}

func withVersion(path string) string {
	if strings.Contains(path, "?") {
		return path + "&api-version=7.6"
	}
	return path + "?api-version=7.6"
}

func (a api) try(method, path, body, authorization string) (answer, error) {
	a.t.Helper()
	return a.tryUntil(a.t.Context(), method, path, body, authorization)
}

func (a api) tryUntil(ctx context.Context, method, path, body, authorization string) (answer, error) {
	a.t.Helper()
	url := path
	if !strings.HasPrefix(path, "https://") {
		url = a.url + path
	}
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(a.t, err)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := a.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: response.StatusCode, header: response.Header, text: string(content)}
	if bytes.HasPrefix(content, []byte("{")) {
		require.NoError(a.t, json.Unmarshal(content, &got.body))
	}
	return got, nil
}

func (a api) set(name, value string) answer {
	a.t.Helper()
	return a.call("PUT", "/secrets/"+name, `{"value":"`+value+`"}`)
}

// serverName has the certificate checked against another name than the URL's.
func (a api) serverName(host string) {
	a.http.Transport.(*http.Transport).TLSClientConfig.ServerName = host
}
