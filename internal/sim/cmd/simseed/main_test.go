package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
)

func TestTheVaultEndsWithARefreshTokenThatWorks(t *testing.T) {
	provider, vault := simulators(t)
	certFile := filepath.Join(t.TempDir(), "vault.pem")

	printed := mustRun(t, "-provider-url", provider.URL(), "-vault-url", vault.URL(), "-cert-file", certFile)

	tokens := vault.Versions("RefreshToken")
	require.Len(t, tokens, 1)
	require.Empty(t, tokens[0].Tags, "a token that was put there by hand has no tags")
	require.True(t, provider.IsLive(tokens[0].Value))
	require.NotContains(t, printed, tokens[0].Value)

	credentials := vault.Versions("FitbitCredentials")
	require.Len(t, credentials, 1)
	plain, err := base64.StdEncoding.DecodeString(credentials[0].Value)
	require.NoError(t, err)
	client := authserver.DefaultClient()
	require.Equal(t, client.ID+":"+client.Secret.Reveal(), string(plain))

	certificate, err := os.ReadFile(certFile)
	require.NoError(t, err)
	require.True(t, x509.NewCertPool().AppendCertsFromPEM(certificate))
	require.Equal(t, vault.CertificatePEM(), certificate)
}

func TestATokenThatWorksIsLeftAlone(t *testing.T) {
	provider, vault := simulators(t)
	args := []string{"-provider-url", provider.URL(), "-vault-url", vault.URL()}
	mustRun(t, args...)

	printed := mustRun(t, args...)

	require.Contains(t, printed, "nothing to do")
	require.Len(t, vault.Versions("RefreshToken"), 1)
	require.Len(t, vault.Versions("FitbitCredentials"), 1)
}

func TestATokenOfAForgottenGrantIsReplaced(t *testing.T) {
	provider, vault := simulators(t)
	_, err := vault.Put("RefreshToken", "fake-refresh-token-of-an-earlier-simulator")
	require.NoError(t, err)

	mustRun(t, "-provider-url", provider.URL(), "-vault-url", vault.URL())

	live := 0
	for _, version := range vault.Versions("RefreshToken") {
		if provider.IsLive(version.Value) {
			live++
		}
	}
	require.Equal(t, 1, live)
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "-provider-url and -vault-url are needed"},
		{"no https", []string{"-provider-url", "http://127.0.0.1:1", "-vault-url", "http://127.0.0.1:1"}, "must look like https://localhost:8443"},
		{"another machine's vault", []string{"-provider-url", "http://127.0.0.1:1", "-vault-url", "https://vault.example:443"}, "not on this machine"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, run(t.Context(), tc.args, &bytes.Buffer{}), tc.want)
		})
	}
}

func simulators(t *testing.T) (*authserver.Server, *keyvault.Server) {
	t.Helper()
	provider, err := authserver.Start(authserver.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { provider.Close() })
	vault, err := keyvault.Start(keyvault.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { vault.Close() })
	return provider, vault
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, &out))
	return out.String()
}
