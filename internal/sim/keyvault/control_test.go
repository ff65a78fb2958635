package keyvault_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestTheControlEndpointDoesWhatTheMethodsDo(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	control := func(method, path, body string) answer {
		got, err := vault.try(method, "/_sim/"+path, body, "")
		require.NoError(t, err)
		return got
	}

	put := control("PUT", "secrets/"+name, `{"value":"fake"}`)
	require.Equal(t, 200, put.status)
	require.Equal(t, server.Versions(name)[0].ID, put.body["version"])

	var versions []keyvault.Version
	require.NoError(t, json.Unmarshal([]byte(control("GET", "secrets/"+name, "").text), &versions))
	require.Equal(t, server.Versions(name), versions)
	require.JSONEq(t, `[]`, control("GET", "secrets/unknown", "").text)

	fault := `{"kind":"throttled","operation":"get","name":"RefreshToken","times":1,"retry_after":"3s","delay_before":"1ms","delay_after":"1ms"}`
	require.Equal(t, 204, control("POST", "faults", fault).status)
	require.Equal(t, "3", vault.call("GET", "/secrets/"+name, "").header.Get("Retry-After"))
	require.Equal(t, 200, vault.call("GET", "/secrets/"+name, "").status)
	require.Equal(t, 204, control("POST", "faults", `{"kind":"unavailable"}`).status)
	require.Equal(t, 204, control("DELETE", "faults", "").status)
	require.Equal(t, 200, vault.call("GET", "/secrets/"+name, "").status)

	var counts keyvault.Counts
	require.NoError(t, json.Unmarshal([]byte(control("GET", "counts", "").text), &counts))
	require.Equal(t, server.Counts(), counts)
	require.Equal(t, 3, counts.ByName["refreshtoken"][keyvault.OpGet])
}

func TestTheControlEndpointSaysWhatItDoesNotUnderstand(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "faults", `{`, 400, "EOF"},
		{"POST", "faults", `{"kind":"sulking"}`, 400, `unknown kind "sulking"`},
		{"POST", "faults", `{"kind":"delay","delay_before":"soon"}`, 400, `"soon" is not a duration`},
		{"PUT", "secrets/" + name, `{`, 400, "EOF"},
		{"PUT", "secrets/a_b", `{"value":"fake"}`, 409, "invalid name"},
	} {
		got, err := vault.try(c.method, "/_sim/"+c.path, c.body, "")
		require.NoError(t, err)
		require.Equal(t, c.status, got.status)
		require.Contains(t, got.text, c.says)
	}
	require.Empty(t, server.Counts().ByOperation)
}

func TestChangesByHandFollowTheVaultsRules(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	require.ErrorContains(t, server.Delete(name), "not found")
	require.ErrorContains(t, server.SetEnabled(name, "", false), "not found")
	version, err := server.Put(name, value)
	require.NoError(t, err)
	require.NoError(t, server.SetEnabled(name, version, false))
	require.Equal(t, 403, vault.call("GET", "/secrets/"+name, "").status)
	require.NoError(t, server.Delete(name))
	_, err = server.Put(name, value)
	require.ErrorContains(t, err, "deleted but recoverable")
}
