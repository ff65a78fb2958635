package keyvault_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestACallWithoutATokenIsChallenged(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	for _, authorization := range []string{"", "Bearer ", "Basic abc"} {
		got, err := vault.try("PUT", "/secrets/"+name+"?api-version=7.6", "", authorization)
		require.NoError(t, err)
		require.Equal(t, 401, got.status)
		require.Regexp(t, `^Bearer authorization="https://[^"]+", resource="https://vault\.azure\.net"$`, got.header.Get("WWW-Authenticate"))
		require.Equal(t, "Unauthorized", got.code())
	}
	require.Equal(t, map[keyvault.Operation]int{keyvault.OpChallenge: 3}, server.Counts().ByOperation)
	require.Empty(t, server.Versions(name))
}

func TestASecretHasTheRealOnesShape(t *testing.T) {
	_, vault := start(t, keyvault.Options{})
	put := vault.call("PUT", "/secrets/"+name,
		`{"value":"fake","contentType":"text/plain","tags":{"generation":"1"},"attributes":{"exp":2000000000,"nbf":1500000000}}`)
	require.Equal(t, 200, put.status)
	require.Regexp(t, "^"+vault.url+"/secrets/RefreshToken/[0-9a-f]{32}$", put.body["id"])

	for _, path := range []string{"/secrets/RefreshToken", "/secrets/refreshtoken/", "/secrets/REFRESHTOKEN/" + put.version()} {
		got := vault.call("GET", path, "")
		require.Equal(t, "fake", got.body["value"], path)
		require.Equal(t, "text/plain", got.body["contentType"])
		require.Equal(t, map[string]any{"generation": "1"}, got.body["tags"])
		attributes := got.body["attributes"].(map[string]any)
		require.Equal(t, true, attributes["enabled"])
		require.EqualValues(t, 2000000000, attributes["exp"])
		require.EqualValues(t, 1500000000, attributes["nbf"])
		require.InDelta(t, time.Now().Unix(), attributes["created"], 60)
		require.Equal(t, attributes["created"], attributes["updated"])
	}
}

func TestWhatTheVaultRefuses(t *testing.T) {
	_, vault := start(t, keyvault.Options{})
	version := vault.set(name, value).version()
	tags := func(n, length int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"t%d":%q`, i, strings.Repeat("x", length)))
		}
		return `{"value":"fake","tags":{` + strings.Join(all, ",") + `}}`
	}
	for _, c := range []struct {
		what, method, path, body string
		status                   int
		code                     string
	}{
		{"underscore in a name", "GET", "/secrets/a_b", "", 400, "BadParameter"},
		{"long name", "GET", "/secrets/" + strings.Repeat("a", 128), "", 400, "BadParameter"},
		{"longest name", "PUT", "/secrets/" + strings.Repeat("a", 127), `{"value":"fake"}`, 200, ""},
		{"no value", "PUT", "/secrets/" + name, `{}`, 400, "BadParameter"},
		{"no JSON", "PUT", "/secrets/" + name, ``, 400, "BadParameter"},
		{"large value", "PUT", "/secrets/" + name, `{"value":"` + strings.Repeat("x", 25*1024+1) + `"}`, 400, "BadParameter"},
		{"largest value", "PUT", "/secrets/" + name, `{"value":"` + strings.Repeat("x", 25*1024) + `"}`, 200, ""},
		{"many tags", "PUT", "/secrets/" + name, tags(16, 1), 400, "BadParameter"},
		{"most tags", "PUT", "/secrets/" + name, tags(15, 512), 200, ""},
		{"long tag", "PUT", "/secrets/" + name, tags(1, 513), 400, "BadParameter"},
		{"long tag by PATCH", "PATCH", "/secrets/" + name + "/" + version, tags(1, 513), 400, "BadParameter"},
		{"PATCH without JSON", "PATCH", "/secrets/" + name + "/" + version, "x", 400, "BadParameter"},
		{"large page", "GET", "/secrets/" + name + "/versions?maxresults=26", "", 400, "BadParameter"},
		{"empty page", "GET", "/secrets/" + name + "/versions?maxresults=0", "", 400, "BadParameter"},
		{"strange page", "GET", "/secrets/" + name + "/versions?$skiptoken=%21", "", 400, "BadParameter"},
		{"unknown secret", "GET", "/secrets/other", "", 404, "SecretNotFound"},
		{"unknown version", "GET", "/secrets/" + name + "/" + strings.Repeat("0", 32), "", 404, "SecretNotFound"},
		{"PATCH of an unknown version", "PATCH", "/secrets/" + name + "/" + strings.Repeat("0", 32), "{}", 404, "SecretNotFound"},
		{"PATCH of an unknown secret", "PATCH", "/secrets/other/" + version, "{}", 404, "SecretNotFound"},
		{"deleting an unknown secret", "DELETE", "/secrets/other", "", 404, "SecretNotFound"},
		{"recovering a live secret", "POST", "/deletedsecrets/" + name + "/recover", "", 404, "SecretNotFound"},
		{"purging a live secret", "DELETE", "/deletedsecrets/" + name, "", 404, "SecretNotFound"},
		{"a live secret among the deleted", "GET", "/deletedsecrets/" + name, "", 404, "SecretNotFound"},
	} {
		got := vault.call(c.method, c.path, c.body)
		require.Equal(t, c.status, got.status, c.what)
		require.Equal(t, c.code, got.code(), c.what)
	}
	got, err := vault.try("GET", "/secrets/"+name, "", "Bearer any")
	require.NoError(t, err)
	require.Equal(t, "BadParameter", got.code(), "api-version is required")
}

func TestPatchChangesOnlyWhatItNames(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	first := vault.call("PUT", "/secrets/"+name, `{"value":"fake-1","tags":{"a":"1","b":"2"},"attributes":{"exp":2000000000}}`).version()
	vault.set(name, "fake-2")

	require.Equal(t, 200, vault.call("PATCH", "/secrets/"+name+"/"+first, `{"tags":{"c":"3"}}`).status)
	require.Equal(t, 200, vault.call("PATCH", "/secrets/"+name+"/"+first, `{"contentType":"x","attributes":{"exp":2100000000}}`).status)
	old := server.Versions(name)[0]
	require.Equal(t, map[string]string{"c": "3"}, old.Tags)
	require.Equal(t, int64(2100000000), old.Expires.Unix())
	require.Equal(t, "x", old.ContentType)
	require.Equal(t, "fake-1", old.Value)
	require.Equal(t, "fake-2", vault.call("GET", "/secrets/"+name, "").body["value"], "the current version stays")
}

func TestADisabledVersionIsForbiddenToRead(t *testing.T) {
	_, vault := start(t, keyvault.Options{})
	version := vault.set(name, value).version()
	path := "/secrets/" + name + "/" + version
	require.Equal(t, 200, vault.call("PATCH", path, `{"attributes":{"enabled":false}}`).status)
	for _, p := range []string{path, "/secrets/" + name} {
		got := vault.call("GET", p, "")
		require.Equal(t, 403, got.status)
		require.Equal(t, "Forbidden/SecretDisabled", got.code())
	}
	require.Equal(t, 200, vault.call("PATCH", path, `{"attributes":{"enabled":true}}`).status)
	require.Equal(t, 200, vault.call("GET", path, "").status)
}

func TestListingsComeInPagesAndNotByTime(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	var written []string
	for range 30 {
		written = append(written, vault.set(name, value).version())
	}
	var listed []string
	pages := 0
	for next := withVersion("/secrets/" + name + "/versions?maxresults=10"); next != ""; pages++ {
		got, err := vault.try("GET", next, "", "Bearer any")
		require.NoError(t, err)
		for _, entry := range got.body["value"].([]any) {
			item := entry.(map[string]any)
			require.NotContains(t, item, "value")
			id := item["id"].(string)
			listed = append(listed, id[strings.LastIndex(id, "/")+1:])
		}
		next, _ = got.body["nextLink"].(string)
	}
	require.Equal(t, 3, pages)
	require.ElementsMatch(t, written, listed)
	require.False(t, slices.Equal(written, listed))

	_, err := server.Put("Another", value)
	require.NoError(t, err)
	got := vault.call("GET", "/secrets", "")
	require.Len(t, got.body["value"], 2)
	require.Contains(t, got.text, `/secrets/Another"`)
	unknown := vault.call("GET", "/secrets/unknown/versions", "")
	require.Equal(t, 200, unknown.status)
	require.Empty(t, unknown.body["value"])
}

func TestCreationsAreLimited(t *testing.T) {
	clock := &clock{}
	server, vault := start(t, keyvault.Options{CreationLimit: 3, Now: clock.now})
	for range 3 {
		require.Equal(t, 200, vault.set(name, value).status)
	}
	got := vault.set(name, value)
	require.Equal(t, 429, got.status)
	require.Equal(t, "Throttled", got.code())
	require.Equal(t, "10", got.header.Get("Retry-After"))
	require.Len(t, server.Versions(name), 3)
	require.Equal(t, 200, vault.call("GET", "/secrets/"+name, "").status, "reading is not creating")
	require.Equal(t, 1, server.Counts().Throttled)
	clock.advance(10 * time.Second)
	require.Equal(t, 200, vault.set(name, value).status)
}

func TestOtherCallsHaveALimitOfTheirOwn(t *testing.T) {
	clock := &clock{}
	server, vault := start(t, keyvault.Options{CreationLimit: 1, CallLimit: 2, Now: clock.now})
	require.Equal(t, 200, vault.set(name, value).status)
	for range 2 {
		require.Equal(t, 200, vault.call("GET", "/secrets/"+name, "").status)
	}
	got := vault.call("GET", "/secrets/"+name, "")
	require.Equal(t, 429, got.status)
	require.Equal(t, "10", got.header.Get("Retry-After"))
	clock.advance(10 * time.Second)
	require.Equal(t, 200, vault.set(name, value).status)
	require.Equal(t, 200, vault.call("GET", "/secrets/"+name, "").status)
	require.Equal(t, 1, server.Counts().Throttled)
}
