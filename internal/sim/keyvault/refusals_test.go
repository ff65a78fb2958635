package keyvault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestEachRefusalHasTheRealOnesStatusCodesAndWords(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	vault.set(name, value)
	for _, c := range []struct {
		kind   keyvault.Kind
		status int
		code   string
		says   string
	}{
		{keyvault.Denied, 403, "Forbidden/ForbiddenByRbac", "Microsoft.KeyVault/vaults/secrets/setSecret/action"},
		{keyvault.DeniedByAzurePolicy, 403, "Forbidden", "disallowed by policy"},
		{keyvault.DeniedByAccessPolicy, 403, "Forbidden/ForbiddenByPolicy", "does not have secrets set permission"},
		{keyvault.DeniedByConnection, 403, "Forbidden/ForbiddenByConnection", "approved private link"},
		{keyvault.DeniedByFirewall, 403, "Forbidden/ForbiddenByFirewall", "Client address is not authorized"},
		{keyvault.KeyUnresolved, 401, "Unauthorized", "AKV10046: "},
		{keyvault.WrongTenant, 401, "Unauthorized", "AKV10032: "},
	} {
		server.Inject(keyvault.Fault{Kind: c.kind})
		got := vault.set(name, value)
		server.ClearFaults()
		require.Equal(t, c.status, got.status, c.kind)
		require.Equal(t, c.code, got.code(), c.kind)
		require.Contains(t, got.text, c.says)
		if c.status == 401 {
			require.Contains(t, got.header.Get("WWW-Authenticate"), "Bearer ")
		}
	}
	require.Len(t, server.Versions(name), 1)
}

func TestNewVersionsAloneCanBeRefused(t *testing.T) {
	for _, fault := range []keyvault.Fault{
		{Kind: keyvault.DeniedByAzurePolicy},
		{Kind: keyvault.Denied, Operation: keyvault.OpSet},
	} {
		server, vault := start(t, keyvault.Options{})
		version := vault.set(name, value).version()
		server.Inject(fault)
		require.Equal(t, 403, vault.set(name, value).status, fault.Kind)
		require.Equal(t, 200, vault.call("PATCH", "/secrets/"+name+"/"+version, `{"tags":{"a":"1"}}`).status, fault.Kind)
		require.Equal(t, 200, vault.call("GET", "/secrets/"+name, "").status, fault.Kind)
	}
}

func TestAConflictMayLackItsInnerCode(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	vault.set(name, value)
	server.Inject(keyvault.Fault{Kind: keyvault.BareConflict})
	require.Equal(t, 200, vault.set(name, value).status, "it makes nothing fail")
	vault.call("DELETE", "/secrets/"+name, "")
	got := vault.set(name, value)
	require.Equal(t, 409, got.status)
	require.Equal(t, "Conflict", got.code())
}

func TestAStaleReadSeesAnOlderVersion(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	first := vault.set(name, "fake-1").version()
	vault.set(name, "fake-2")
	third := vault.set(name, "fake-3").version()
	read := func() any { return vault.call("GET", "/secrets/"+name, "").body["value"] }

	server.Inject(keyvault.Fault{Kind: keyvault.Stale, Operation: keyvault.OpGet, Times: 1})
	require.Equal(t, "fake-2", read())
	require.Equal(t, "fake-3", read())
	server.Inject(keyvault.Fault{Kind: keyvault.Stale, Behind: 2})
	require.Equal(t, "fake-1", read())
	require.Equal(t, "fake-3", vault.call("GET", "/secrets/"+name+"/"+third, "").body["value"], "a version that is named is read as it is")
	listed := vault.call("GET", "/secrets/"+name+"/versions", "")
	require.Len(t, listed.body["value"], 1)
	require.Contains(t, listed.text, first)
	server.ClearFaults()
	server.Inject(keyvault.Fault{Kind: keyvault.Stale, Behind: 3})
	require.Equal(t, 404, vault.call("GET", "/secrets/"+name, "").status)
}
