package keyvault_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestAStoppedServerRefusesAndResumesWithItsContent(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	vault.set(name, value)
	server.Stop()
	server.Stop() // once more does no harm
	_, err := vault.try("GET", withVersion("/secrets/"+name), "", "Bearer any")
	require.ErrorContains(t, err, "connection refused")
	require.Len(t, server.Versions(name), 1)

	require.NoError(t, server.Resume())
	require.Error(t, server.Resume(), "it listens already")
	require.Equal(t, value, vault.call("GET", "/secrets/"+name, "").body["value"])
}

func TestTheCertificateIsGoodForTheNamesAskedFor(t *testing.T) {
	server, err := keyvault.Start(keyvault.Options{Listen: "0.0.0.0:0", DNSNames: []string{"vault.test"}})
	require.NoError(t, err)
	defer server.Close()
	require.True(t, strings.HasPrefix(server.URL(), "https://localhost:"))
	for _, host := range []string{"localhost", "127.0.0.1", "vault.test"} {
		vault := dial(t, strings.Replace(server.URL(), "localhost", "127.0.0.1", 1), server.CertificatePEM())
		vault.serverName(host)
		require.Equal(t, 404, vault.call("GET", "/secrets/"+name, "").status, host)
	}
}

func TestContentAndCertificateSurviveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vault.json")
	first, vault := start(t, keyvault.Options{DataFile: file})
	vault.call("PUT", "/secrets/"+name, `{"value":"fake","tags":{"generation":"1"},"attributes":{"exp":2000000000}}`)
	vault.set("Gone", value)
	vault.call("DELETE", "/secrets/Gone", "")
	want := first.Versions(name)
	first.Close()

	second, err := keyvault.Start(keyvault.Options{DataFile: file, Listen: strings.TrimPrefix(first.URL(), "https://")})
	require.NoError(t, err)
	defer second.Close()
	require.Equal(t, want, second.Versions(name))
	require.Equal(t, "fake", vault.call("GET", "/secrets/"+name, "").body["value"], "old clients go on")
	require.Equal(t, "Conflict/ObjectIsDeletedButRecoverable", vault.set("Gone", value).code())
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestStartNamesWhatItCannotUse(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.json")
	require.NoError(t, os.WriteFile(broken, []byte("{"), 0o600))
	for _, o := range []keyvault.Options{
		{DataFile: broken},
		{DataFile: dir},
		{DataFile: filepath.Join(dir, "missing", "vault.json")},
		{Listen: "256.0.0.1:0"},
	} {
		_, err := keyvault.Start(o)
		require.ErrorContains(t, err, "simulated vault: ")
	}
}

func TestAWriteThatCannotBeKeptFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(dir, 0o700))
	_, vault := start(t, keyvault.Options{DataFile: filepath.Join(dir, "vault.json")})
	require.NoError(t, os.RemoveAll(dir))
	require.Equal(t, "InternalServerError", vault.set(name, value).code())
}
