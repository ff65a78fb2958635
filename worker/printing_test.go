package main_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/secretscan"
)

func TestAWorkerThatWouldPrintTokensDoesNotStart(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"http2debug=1", "netdns=go,http2debug=2"} {
		code, said := execute(t, []string{anyVault, "GODEBUG=" + value})
		require.Equal(t, 2, code)
		require.Contains(t, said, "GODEBUG has http2debug, which prints tokens and client secrets")
		oneLine(t, said)
	}
}

// What else libraries print on request is read for secrets at the worker's end.
func TestTheLibrariesOwnLogsHoldNoSecret(t *testing.T) {
	s := newSystem(t)
	w := s.work("AZURE_SDK_GO_LOGGING=all", "GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=99", "TOKENKEEPER_LOG_LEVEL=debug")
	account := s.consent()
	s.refreshes(account)
	require.Contains(t, w.Output(), "REQUEST/", "Azure's library logs")
	require.Contains(t, w.Output(), "[core]", "gRPC logs")
	for name, secret := range s.secretsOf(account) {
		require.Empty(t, secretscan.Find([]byte(w.Output()), secret), name)
	}
}

// SIGQUIT prints every goroutine with the words of its arguments, of which a pointer
// says nothing and a value everything.
func TestAGoroutineDumpHoldsNoSecret(t *testing.T) {
	s := newSystem(t)
	// Not s.work, which looks for dumps at the test's end.
	work := func(...string) process {
		w, err := s.LaunchWorker(nil, "GOTRACEBACK=all")
		require.NoError(t, err)
		require.NoError(t, w.Ready(t.Context()))
		return process{w, t}
	}
	s.duringACall(work, func(w process, account string) (inTime bool) {
		require.NoError(t, w.Signal(syscall.SIGQUIT))
		<-w.Ended()
		require.Contains(t, w.Output(), "SIGQUIT: quit")
		for name, secret := range s.secretsOf(account) {
			require.Empty(t, inDump(w.Output(), secret), name)
		}
		return strings.Contains(w.Output(), "provider.(*Client).Refresh") // the call in flight is in the dump
	})
}

func TestASecretInADumpIsFound(t *testing.T) {
	t.Parallel()
	const secret = "fake-0123456789-abcdef"
	require.Equal(t, []string{"in clear"}, inDump("panic: "+secret, secret))
	word := binary.LittleEndian.Uint64([]byte(secret[3:]))
	require.Equal(t, []string{"as words"}, inDump(fmt.Sprintf("main.use({0x1, %#x})", word), secret))
	require.Empty(t, inDump("main.use(0xc000012345, 0x16)", secret))
}

// inDump is secretscan's Find, and finds also 8 bytes of the secret as one word.
func inDump(dump, secret string) []string {
	found := secretscan.Find([]byte(dump), secret)
	for i := range len(secret) - 7 {
		if strings.Contains(dump, fmt.Sprintf("%#x", binary.LittleEndian.Uint64([]byte(secret[i:])))) {
			return append(found, "as words")
		}
	}
	return found
}

// secretsOf are the secrets that a worker handles for an account, each as it is
// used, and the keyset's key material.
func (s *system) secretsOf(account string) map[string]string {
	s.t.Helper()
	secrets := map[string]string{"client secret": s.Provider.Client().Secret.Reveal()}
	for _, name := range []string{testenv.SecretName(account, "RefreshToken"), testenv.SecretName(account, "AccessToken"), "FitbitCredentials"} {
		for i, v := range s.Vault.Versions(name) {
			secrets[fmt.Sprint(name, " ", i)] = v.Value
		}
	}
	for i, v := range s.Vault.Versions("TokenKeeperKeyset") {
		var keyset struct {
			Key []struct{ KeyData struct{ Value string } }
		}
		require.NoError(s.t, json.Unmarshal([]byte(v.Value), &keyset))
		for j, key := range keyset.Key {
			material, err := base64.StdEncoding.DecodeString(key.KeyData.Value)
			require.NoError(s.t, err)
			secrets[fmt.Sprint("keyset ", i, " key ", j)] = string(material)
		}
	}
	require.Greater(s.t, len(secrets), 3)
	return secrets
}
