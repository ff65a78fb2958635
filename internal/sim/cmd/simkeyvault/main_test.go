package main_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAKilledVaultComesBackWithItsContent(t *testing.T) {
	dir, binary := t.TempDir(), build(t)
	file := func(name string) string { return filepath.Join(dir, name) }

	first := run(t, binary, "-data", file("vault.json"), "-cert-file", file("cert.pem"), "-url-file", file("url"))
	written := strings.TrimSpace(read(t, file("url")))
	require.Equal(t, first.url, written)
	client := trusting(t, read(t, file("cert.pem")))
	require.Contains(t, request(t, client, "PUT", first.url+"/_sim/secrets/RefreshToken", `{"value":"fake-refresh-token-1"}`), "version")
	require.NoError(t, first.Process.Kill())
	_ = first.Wait()

	address := strings.TrimPrefix(first.url, "https://")
	second := run(t, binary, "-listen", address, "-data", file("vault.json"))
	require.Equal(t, first.url, second.url)
	require.Contains(t, request(t, client, "GET", second.url+"/_sim/secrets/RefreshToken", ""), "fake-refresh-token-1")

	require.NoError(t, second.Process.Signal(syscall.SIGTERM))
	require.NoError(t, second.Wait(), "SIGTERM is a clean end")
}

func TestDelaysAreTheRealVaultsWhereTheyAreGiven(t *testing.T) {
	cert := filepath.Join(t.TempDir(), "cert.pem")
	vault := run(t, build(t), "-cert-file", cert, "-deletion-delay", "1h")
	client := trusting(t, read(t, cert))
	secret := vault.url + "/secrets/RefreshToken?api-version=7.6"
	request(t, client, "PUT", secret, `{"value":"fake"}`)
	request(t, client, "DELETE", secret, "")
	require.Contains(t, request(t, client, "PUT", secret, `{"value":"fake"}`), "ObjectIsBeingDeleted")

	vault = run(t, build(t), "-cert-file", cert, "-recovery-delay", "1h")
	client = trusting(t, read(t, cert))
	secret = vault.url + "/secrets/RefreshToken?api-version=7.6"
	request(t, client, "PUT", secret, `{"value":"fake"}`)
	request(t, client, "DELETE", secret, "")
	request(t, client, "POST", vault.url+"/deletedsecrets/RefreshToken/recover?api-version=7.6", "")
	require.Contains(t, request(t, client, "PUT", secret, `{"value":"fake"}`), "ObjectIsBeingRecovered")
}

// build is the path of the compiled command.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "simkeyvault")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(output))
	return binary
}

type process struct {
	*exec.Cmd
	url string
}

func run(t *testing.T, binary string, args ...string) process {
	t.Helper()
	cmd := exec.Command(binary, args...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	select {
	case url := <-line:
		require.Regexp(t, "^https://127.0.0.1:[0-9]+$", url)
		return process{cmd, url}
	case <-time.After(2 * time.Minute):
		t.Fatal("the vault did not print where it listens")
		return process{}
	}
}

func trusting(t *testing.T, certificate string) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(certificate)))
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func request(t *testing.T, client *http.Client, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer any")
	response, err := client.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(content)
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}
