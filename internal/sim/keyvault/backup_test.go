package keyvault_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestARestoredVaultHasTheVersionsAndTagsOfItsBackup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vault.json")
	server, vault := start(t, keyvault.Options{DataFile: file})
	version := vault.call("PUT", "/secrets/"+name, `{"value":"fake-1","tags":{"generation":"1"}}`).version()
	vault.set("Other", "fake-other-1")
	want := server.Versions(name)
	backup := server.Backup(name, "Later")

	vault.call("PATCH", "/secrets/"+name+"/"+version, `{"tags":{"generation":"1","refresh-run-id":"x"}}`)
	vault.set(name, "fake-2")
	vault.set("Other", "fake-other-2")
	vault.set("Later", "fake-later")
	require.NoError(t, server.Restore(backup))
	require.Equal(t, want, server.Versions(name))
	require.Empty(t, server.Versions("Later"), "it did not exist then")
	require.Len(t, server.Versions("Other"), 2, "the backup does not have it")

	vault.set(name, "fake-3")
	require.NoError(t, server.Restore(backup), "a backup can be restored again")
	require.Equal(t, want, server.Versions(name))
	server.Close()
	again, err := keyvault.Start(keyvault.Options{DataFile: file})
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, want, again.Versions(name))
}

func TestALongHistoryIsSeededInOneStepAndListedInPages(t *testing.T) {
	server, vault := start(t, keyvault.Options{CreationLimit: 3})
	var versions []keyvault.Version
	for g := range 2500 {
		versions = append(versions, keyvault.Version{Value: "fake", Tags: map[string]string{"generation": strconv.Itoa(g)}})
	}
	require.NoError(t, server.Seed(name, versions...))
	require.Len(t, server.Versions(name), 2500)
	current := vault.call("GET", "/secrets/"+name, "")
	require.Equal(t, map[string]any{"generation": "2499"}, current.body["tags"])
	page := vault.call("GET", "/secrets/"+name+"/versions", "")
	require.Len(t, page.body["value"], 25)
	require.Contains(t, page.body, "nextLink")
	require.Equal(t, 200, vault.set(name, value).status, "seeding takes nothing of the limit")
	require.ErrorContains(t, server.Seed("a_b"), "invalid name")
}

func TestTheControlEndpointSeedsAndRestores(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	control := func(method, path, body string) answer {
		got, err := vault.try(method, "/_sim/"+path, body, "")
		require.NoError(t, err)
		return got
	}
	require.Equal(t, 204, control("POST", "secrets/"+name+"/versions", `[{"value":"fake-1","tags":{"generation":"1"}},{"value":"fake-2"}]`).status)
	require.Equal(t, "fake-2", server.Versions(name)[1].Value)
	require.Equal(t, 400, control("POST", "secrets/"+name+"/versions", `{`).status)
	require.Equal(t, 409, control("POST", "secrets/a_b/versions", `[]`).status)

	require.Equal(t, 204, control("PUT", "backups/monday", "").status)
	vault.set(name, "fake-3")
	require.Equal(t, 204, control("POST", "backups/monday/restore", "").status)
	require.Len(t, server.Versions(name), 2)
	require.Equal(t, 404, control("POST", "backups/tuesday/restore", "").status)
	require.Equal(t, 204, control("POST", "faults", `{"kind":"stale","behind":1,"operation":"get"}`).status)
	require.Equal(t, "fake-1", vault.call("GET", "/secrets/"+name, "").body["value"])
}
