package keyvault_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

func TestOneClientIsChallengedOnce(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	put(t, server, name, value)
	for range 3 {
		_, err := c.Get(t.Context(), name, "")
		require.NoError(t, err)
	}
	require.Equal(t, 1, server.Counts().ByOperation[sim.OpChallenge])
}

func TestVersionsComeInPagesAndInNoOrderOfTime(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	var want []string
	for range 60 {
		want = append(want, put(t, server, name, value))
	}
	versions, err := c.Versions(t.Context(), name)
	require.NoError(t, err)
	var got []string
	for _, v := range versions {
		got = append(got, v.Version)
	}
	require.ElementsMatch(t, want, got)
	require.False(t, slices.Equal(want, got))
	require.Equal(t, 3, server.Counts().ByOperation[sim.OpListVersions])
}

func TestWhatCannotBeReadIsNamedWithTheReason(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	_, err := c.Get(t.Context(), name, "")
	require.EqualError(t, err, "vault: get will-RefreshToken: not found (404 Not Found, SecretNotFound)")

	require.NoError(t, server.SetEnabled(name, put(t, server, name, value), false))
	_, err = c.Get(t.Context(), name, "")
	require.EqualError(t, err, "vault: get will-RefreshToken: disabled (403 Forbidden, SecretDisabled); enable it with az keyvault secret set-attributes --vault-name VAULT --name NAME --enabled true")
}

func TestWhatTheVaultCannotHoldIsRejected(t *testing.T) {
	t.Parallel()
	_, c := start(t, sim.Options{})
	_, err := c.Get(t.Context(), "not_a_name", "")
	require.ErrorIs(t, err, vault.ErrRejected)

	huge := token.NewSecret(string(make([]byte, 26_000)))
	_, err = c.Set(t.Context(), name, huge, vault.Properties{})
	require.ErrorIs(t, err, vault.ErrRejected)
	require.ErrorContains(t, err, "400 Bad Request, BadParameter")
}

func TestANotFoundInsteadOfAnEmptyListIsNoVersions(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		`{"error":{"code":"com.example.NotFoundException","message":"Key not found"}}`: nil,
		`<html>not here</html>`: vault.ErrUnavailable,
	} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		versions, err := emulator(t, server.URL, keyvault.Options{RootCAs: roots}).Versions(t.Context(), name)
		require.Empty(t, versions)
		require.ErrorIs(t, err, want)
	}
}
