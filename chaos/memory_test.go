package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
)

// ofTheManifest is the memory of the worker's container in deploy/kubernetes, with the
// soft limit that it gives to Go.
const (
	ofTheManifest = 256 << 20
	softLimit     = "GOMEMLIMIT=200MiB"
)

func TestF27AWorkerInItsContainersMemoryOutlastsFloodsFromEveryEdge(t *testing.T) {
	limited := limitedWorker(t, ofTheManifest)
	s := newSystem(t, testenv.Options{WorkerBinary: limited.program, Others: []authserver.Options{{Provider: authserver.Xero()}}})
	vault := s.floodingVault()
	w := s.work(softLimit, "KEY_VAULT_URL="+vault.url, "TOKENKEEPER_KEY_VAULT_CA_FILE="+vault.caFile)
	spared := s.consentAt(s.other(0))
	spared.refresh().result()

	kinds := []authserver.Fault{
		{Answer: authserver.FloodHeaders, Commit: true},
		{Answer: authserver.FloodBody, Commit: true, Size: 50_000_000},
		{Answer: authserver.Drip},
	}
	s.holdHealthPort(w)
	var flooded []run
	for i := range 40 {
		a := s.consent()
		fault := kinds[i%len(kinds)]
		fault.Endpoint, fault.User = authserver.Token, a.user
		require.NoError(t, s.Provider.Inject(fault))
		vault.flood(a.secret("RefreshToken"))
		flooded = append(flooded, a.refresh())
	}
	for range 3 {
		spared.refresh().refreshed()
	}
	for _, run := range flooded {
		run.wait()
	}
	require.Equal(t, 40, vault.floods(), "each account's first read of its token was flooded")
	t.Logf("at most %d MB of %d MB, of which the process had %d MB", limited.peak()>>20, ofTheManifest>>20, peakMemory(t, w)>>20)
	require.Less(t, peakMemory(t, w), ofTheManifest*4/5)
	require.Less(t, limited.peak(), ofTheManifest)
	for _, run := range flooded {
		require.Nil(t, run.refresh().wait().Failure)
		run.holdsLive()
	}
	spared.holdsLive()
}

// limited is a worker without the race detector, in a cgroup of its own where this
// machine permits one.
type limited struct {
	program string
	peak    func() int // bytes; 0 without a cgroup
}

func limitedWorker(t *testing.T, most int) limited {
	t.Helper()
	dir := t.TempDir()
	binary, err := testenv.BuildWorker(t.Context(), dir)
	require.NoError(t, err)
	for _, kind := range []struct{ root, limit, peak string }{
		{"/sys/fs/cgroup", "memory.max", "memory.peak"},                                 // version 2
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"}, // version 1
	} {
		group := filepath.Join(kind.root, fmt.Sprintf("%s-%d", unique("tokenkeeper"), os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		limit, err := os.OpenFile(filepath.Join(group, kind.limit), os.O_WRONLY, 0) // which only the kernel makes
		if err == nil {
			_, err = limit.WriteString(strconv.Itoa(most))
			err = errors.Join(err, limit.Close())
		}
		if err != nil {
			_ = os.Remove(group)
			continue
		}
		t.Cleanup(func() { _ = os.Remove(group) }) // after the worker has ended
		script := filepath.Join(dir, "limited-worker")
		text := fmt.Sprintf("#!/bin/sh\necho $$ > %s/cgroup.procs && exec %q\n", group, binary)
		require.NoError(t, os.WriteFile(script, []byte(text), 0o755))
		return limited{script, func() int {
			read, err := os.ReadFile(filepath.Join(group, kind.peak))
			require.NoError(t, err)
			bytes, err := strconv.Atoi(strings.TrimSpace(string(read)))
			require.NoError(t, err)
			require.NotZero(t, bytes, "the worker is not in its cgroup")
			return bytes
		}}
	}
	t.Log("no cgroup can be made here: the memory is measured and not limited")
	return limited{binary, func() int { return 0 }}
}

// floodingVault is the system's vault behind a proxy that answers the first read of
// some secrets with a body without end.
type floodingVault struct {
	url, caFile string

	mu      sync.Mutex
	pending map[string]bool // by the secret's name
	count   int
}

func (s *system) floodingVault() *floodingVault {
	s.t.Helper()
	v := &floodingVault{pending: map[string]bool{}}
	target, err := url.Parse(s.Vault.URL())
	require.NoError(s.t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Vault.CertificatePEM())
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	quiet := log.New(io.Discard, "", 0)
	proxy.ErrorLog = quiet
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.Header.Get("Authorization") != "" && v.due(r.URL.Path) {
			flood := []byte(strings.Repeat("a", 64<<10))
			_, _ = io.WriteString(w, `{"value":"fake-`)
			for range 50_000_000 / len(flood) {
				if _, err := w.Write(flood); err != nil {
					return
				}
			}
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	server.EnableHTTP2, server.Config.ErrorLog = true, quiet
	server.StartTLS()
	s.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	v.url, v.caFile = server.URL, filepath.Join(s.t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(s.t, os.WriteFile(v.caFile, block, 0o600))
	return v
}

func (v *floodingVault) flood(secret string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending[secret] = true
}

// due reports whether a request is the first one for a secret to flood.
func (v *floodingVault) due(path string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/secrets/"), "/")
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.pending[name] {
		return false
	}
	delete(v.pending, name)
	v.count++
	return true
}

func (v *floodingVault) floods() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count
}

// holdHealthPort opens many connections to the worker's health port, each with a long
// header that does not end.
func (s *system) holdHealthPort(w *testenv.Worker) {
	s.t.Helper()
	for range 1_100 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.HTTP, "http://"))
		require.NoError(s.t, err)
		s.t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nX-Flood: "+strings.Repeat("a", 8<<10))
		if err != nil {
			continue // closed already, in favour of newer ones
		}
	}
}
