package keyvault_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

func TestARefusalOfNewVersionsAloneNamesWhatRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault sim.Fault
		says  string
	}{
		{sim.Fault{Kind: sim.DeniedByAzurePolicy}, "vault: set will-RefreshToken: access denied (403 Forbidden); set the expiry date or content type that Azure Policy asks for on the secret's current version, or exempt the vault"},
		{sim.Fault{Kind: sim.Denied, Operation: sim.OpSet}, "its action setSecret is refused"},
	} {
		server, c2 := start(t, sim.Options{})
		version := put(t, server, name, value)
		server.Inject(c.fault)
		require.NoError(t, c2.SetTags(t.Context(), name, version, map[string]string{"a": "b"}))
		_, err := c2.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
		require.ErrorIs(t, err, vault.ErrDenied)
		require.ErrorContains(t, err, c.says)
		require.True(t, vault.Retryable(err))
	}
}

func TestATokenOfAnotherTenantLastsUntilAnOperatorActs(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	server.Inject(sim.Fault{Kind: sim.WrongTenant})
	_, err := c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrCredential)
	require.ErrorContains(t, err, "401 Unauthorized, AKV10032")
	require.False(t, vault.Retryable(err))
}

func TestTwo401InARowAreRetryable(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	put(t, server, name, value)
	_, err := c.Get(t.Context(), name, "") // the library has its token now
	require.NoError(t, err)
	server.Inject(sim.Fault{Kind: sim.KeyUnresolved, Times: 2})
	_, err = c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.True(t, vault.Retryable(err))
	_, err = c.Get(t.Context(), name, "")
	require.NoError(t, err)
}

func TestAConflictWithoutAReasonIsADeletedNameWhereTheVaultSaysSo(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	put(t, server, name, value)
	require.NoError(t, server.Delete(name))
	server.Inject(sim.Fault{Kind: sim.BareConflict})
	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrDeleted)
	require.ErrorContains(t, err, "409 Conflict")
	require.Equal(t, 1, server.Counts().ByOperation[sim.OpGetDeleted])
}

func TestAConflictThatStatesItsReasonIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	put(t, server, name, value)
	require.NoError(t, server.Delete(name))
	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrDeleted)
	require.Zero(t, server.Counts().ByOperation[sim.OpGetDeleted])
}

// seeded is a vault with a long history of one secret.
func seeded(t *testing.T, server *sim.Server, count int) {
	t.Helper()
	var versions []sim.Version
	for i := range count {
		versions = append(versions, sim.Version{Value: value, Tags: map[string]string{"n": strconv.Itoa(i)}})
	}
	require.NoError(t, server.Seed(name, versions...))
}

func TestAPageThatFailsIsAskedForAgainAndNotTheWholeListing(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	seeded(t, server, 500)
	server.Inject(sim.Fault{Kind: sim.Delay, Operation: sim.OpListVersions, Times: 9})
	server.Inject(sim.Fault{Kind: sim.Unavailable, Operation: sim.OpListVersions, Times: 4}) // the tenth page: more than the library's own tries
	versions, err := c.Versions(t.Context(), name)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, v := range versions {
		seen[v.Version] = true
	}
	require.Len(t, versions, 500)
	require.Len(t, seen, 500)
	require.Equal(t, 20+4, server.Counts().ByOperation[sim.OpListVersions])
}

func TestAListingThatBreaksOffSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	seeded(t, server, 100)
	server.Inject(sim.Fault{Kind: sim.Delay, Operation: sim.OpListVersions, Times: 2})
	server.Inject(sim.Fault{Kind: sim.Throttled, Operation: sim.OpListVersions, RetryAfter: time.Minute})
	_, err := c.Versions(t.Context(), name)
	require.ErrorIs(t, err, vault.ErrThrottled)
	require.ErrorContains(t, err, "after 50 versions")
}

func TestEmptyPagesWithoutEndEndAListing(t *testing.T) {
	t.Parallel()
	for pages, kind := range map[int]error{50: nil, 100_000: vault.ErrUnavailable} {
		sent := 0
		var server *httptest.Server
		server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if sent++; sent <= pages {
				_, _ = fmt.Fprintf(w, `{"value":[],"nextLink":"%s/secrets/%s/versions?page=%d"}`, server.URL, name, sent)
				return
			}
			_, _ = io.WriteString(w, `{"value":[]}`)
		}))
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		_, err := emulator(t, server.URL, keyvault.Options{RootCAs: roots}).Versions(t.Context(), name)
		require.ErrorIs(t, err, kind)
		require.Less(t, sent, 1000)
	}
}
