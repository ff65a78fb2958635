package keyvault_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var will = vault.Names{RefreshToken: name, AccessToken: "will-AccessToken", Provider: "fitbit"}

// Azure Policy and a role without setSecret refuse new versions and take tags: nothing
// may be spent, for the pair that comes back could not be stored.
func TestAVaultThatTakesTagsAloneIsFoundBeforeATokenIsSpent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault sim.Fault
		says  string
	}{
		{sim.Fault{Kind: sim.DeniedByAzurePolicy}, "Azure Policy"},
		{sim.Fault{Kind: sim.Denied, Operation: sim.OpSet}, "setSecret"},
		{sim.Fault{Kind: sim.Throttled, Operation: sim.OpSet, RetryAfter: time.Minute}, "429"},
	} {
		server, client := start(t, sim.Options{})
		put(t, server, name, value)
		server.Inject(c.fault)
		v := vault.New(client)
		current, _, err := v.Load(t.Context(), will, 0)
		require.NoError(t, err)
		err = v.RecordIntent(t.Context(), will, token.Account{Provider: "fitbit", Name: "will"}, current, run, nil)
		require.ErrorContains(t, err, "vault: set will-RefreshToken: ")
		require.ErrorContains(t, err, c.says)
		require.True(t, vault.Retryable(err))
		require.Empty(t, server.Versions(name)[0].Tags)

		server.ClearFaults()
		require.NoError(t, v.RecordIntent(t.Context(), will, token.Account{Provider: "fitbit", Name: "will"}, current, run, nil))
		require.Len(t, server.Versions(name), 2)
	}
}

func TestALoadReadsThousandsOfVersionsOnSlowPages(t *testing.T) {
	t.Parallel()
	server, client := start(t, sim.Options{})
	var versions []sim.Version
	for g := range 2500 {
		f := token.NewSecret("fake-refresh-" + strconv.Itoa(g)).Fingerprint()
		versions = append(versions, sim.Version{Value: "fake-refresh-" + strconv.Itoa(g), Tags: map[string]string{
			"generation": strconv.Itoa(g), "fingerprint": string(f), "consent": "0123456789abcdef",
		}})
	}
	require.NoError(t, server.Seed(name, versions...))
	put(t, server, name, value) // a consent by hand: nothing but a listing can number it
	server.Inject(sim.Fault{Kind: sim.Delay, Operation: sim.OpListVersions, DelayBefore: 10 * time.Millisecond})
	current, _, err := vault.New(client).Load(t.Context(), will, 2499)
	require.NoError(t, err)
	require.Equal(t, token.Generation(2500), current.Generation)
	require.Equal(t, 2501, current.VersionsRead)
	require.Equal(t, 101, server.Counts().ByOperation[sim.OpListVersions])
}
