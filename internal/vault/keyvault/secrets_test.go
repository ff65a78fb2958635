package keyvault_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestWhatIsSetIsRead(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	expires := time.Now().Add(8 * time.Hour).UTC().Truncate(time.Second)
	before := time.Now().Truncate(time.Second)

	written, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{
		ContentType: "text/plain", Tags: map[string]string{"generation": "1"}, Expires: expires,
	})
	require.NoError(t, err)
	require.Regexp(t, "^[0-9a-f]{32}$", written.Version)
	require.True(t, written.Enabled)
	require.WithinRange(t, written.Created, before, time.Now())

	for _, version := range []string{"", written.Version} {
		read, err := c.Get(t.Context(), name, version)
		require.NoError(t, err)
		require.Equal(t, value, read.Value.Reveal())
		require.Equal(t, "text/plain", read.ContentType)
		require.Equal(t, map[string]string{"generation": "1"}, read.Tags)
		require.True(t, expires.Equal(read.Expires))
		require.Equal(t, written.Version, read.Version)
	}
	require.Equal(t, 1, server.Counts().ByOperation[sim.OpChallenge], "one client is challenged once")
}

func TestTheLastSetIsCurrentAndOlderVersionsStay(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	first := put(t, server, name, value)
	second, err := c.Set(t.Context(), name, token.NewSecret("fake-refresh-token-2"), vault.Properties{})
	require.NoError(t, err)

	current, err := c.Get(t.Context(), name, "")
	require.NoError(t, err)
	require.Equal(t, second.Version, current.Version)
	require.True(t, current.Expires.IsZero())
	require.Empty(t, current.Tags)

	old, err := c.Get(t.Context(), name, first)
	require.NoError(t, err)
	require.Equal(t, value, old.Value.Reveal())
}

func TestSetTagsReplacesTagsAndNothingElse(t *testing.T) {
	t.Parallel()
	_, c := start(t, sim.Options{})
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	p, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{
		Tags: map[string]string{"generation": "1", "run": "a"}, Expires: expires, ContentType: "text/plain",
	})
	require.NoError(t, err)

	for _, tags := range []map[string]string{{"generation": "1", "refresh-started-at": "now"}, {}} {
		require.NoError(t, c.SetTags(t.Context(), name, p.Version, tags))
		read, err := c.Get(t.Context(), name, "")
		require.NoError(t, err)
		require.Len(t, read.Tags, len(tags))
		for key, value := range tags {
			require.Equal(t, value, read.Tags[key])
		}
		require.Equal(t, value, read.Value.Reveal())
		require.True(t, expires.Equal(read.Expires))
		require.Equal(t, "text/plain", read.ContentType)
	}
}

func TestVersionsFollowsEveryPage(t *testing.T) {
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
		require.True(t, v.Enabled)
		got = append(got, v.Version)
	}
	require.ElementsMatch(t, want, got)
	require.False(t, slices.Equal(want, got), "the order is not that of time")
	require.Equal(t, 3, server.Counts().ByOperation[sim.OpListVersions])
}

func TestANameThatWasNeverWrittenHasNoVersions(t *testing.T) {
	t.Parallel()
	_, c := start(t, sim.Options{})
	versions, err := c.Versions(t.Context(), name)
	require.NoError(t, err)
	require.Empty(t, versions)
}

func TestMissingSecretAndMissingVersionAreNotFound(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	_, err := c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrNotFound)
	require.EqualError(t, err, "vault: get will-RefreshToken: not found (404 Not Found, SecretNotFound)")

	put(t, server, name, value)
	_, err = c.Get(t.Context(), name, "00000000000000000000000000000000")
	require.ErrorIs(t, err, vault.ErrNotFound)
	require.ErrorIs(t, c.SetTags(t.Context(), name, "00000000000000000000000000000000", nil), vault.ErrNotFound)
}

func TestADisabledVersionIsListedAndNotRead(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	version := put(t, server, name, value)
	require.NoError(t, server.SetEnabled(name, version, false))

	_, err := c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrDisabled)
	require.ErrorContains(t, err, "SecretDisabled")
	versions, err := c.Versions(t.Context(), name)
	require.NoError(t, err)
	require.Len(t, versions, 1)
	require.False(t, versions[0].Enabled)
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
