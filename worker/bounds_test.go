package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// starved is the worker with so few file descriptors.
func starved(t *testing.T, descriptors int) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "worker")
	text := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec %q\n", descriptors, shared.Worker(t))
	require.NoError(t, os.WriteFile(script, []byte(text), 0o755))
	return script
}

func TestIdleConnectionsToTheHealthPortStopNeitherProbesNorRefreshes(t *testing.T) {
	s := newSystemOf(t, starved(t, 256))
	w := s.work()
	account := s.consent()
	for range 1_100 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.HTTP, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") // and then it idles
		require.NoError(t, err)
	}
	for range 3 {
		began := time.Now()
		require.Equal(t, http.StatusOK, w.status("/readyz"))
		require.Less(t, time.Since(began), time.Minute, "a probe must not wait behind idle connections")
		s.refreshes(account)
	}
	require.NotContains(t, w.Output(), "too many open files")
}

func TestTheHealthPortBoundsWhatAClientSends(t *testing.T) {
	s := newSystem(t)
	w := s.work()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.HTTP+"/healthz", nil)
	require.NoError(t, err)
	request.Header.Set("X-Flood", strings.Repeat("a", 32<<10))
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)

	for name, begins := range map[string]string{
		"a header without end": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Drip: ",
		"a body without end":   "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n",
		"nothing":              "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Less(t, dripping(t, strings.TrimPrefix(w.HTTP, "http://"), begins), patience)
		})
	}
}

// dripping sends a beginning and then a byte now and then, where there is a beginning,
// and returns after how long the server has ended that.
func dripping(t *testing.T, address, begins string) time.Duration {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	began := time.Now()
	require.NoError(t, conn.SetDeadline(began.Add(patience)))
	_, err = io.WriteString(conn, begins)
	require.NoError(t, err)
	if begins != "" {
		go func() {
			for {
				if _, err := io.WriteString(conn, "a"); err != nil {
					return
				}
				time.Sleep(tick)
			}
		}()
	}
	_, _ = io.Copy(io.Discard, conn) // until the server closes or resets it
	return time.Since(began)
}
