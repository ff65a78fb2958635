package keyvault_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func (s subject) set(t *testing.T, name, value string, p vault.Properties) vault.Properties {
	t.Helper()
	written, err := s.Set(t.Context(), name, token.NewSecret(value), p)
	require.NoError(t, err)
	return written
}

func whatIsSetIsRead(t *testing.T, s subject) {
	name := unused()
	expires := time.Now().Add(8 * time.Hour).UTC().Truncate(time.Second)
	before := time.Now().Truncate(time.Second)
	written := s.set(t, name, value, vault.Properties{
		ContentType: "text/plain", Tags: map[string]string{"generation": "1", "obtained-at": "2026-11-22T08:00:00.5Z"}, Expires: expires,
	})
	require.Regexp(t, "^[0-9a-f]{32}$", written.Version)
	require.True(t, written.Enabled)
	require.WithinRange(t, written.Created, before, time.Now())

	for _, version := range []string{"", written.Version} {
		read, err := s.Get(t.Context(), name, version)
		require.NoError(t, err)
		require.Equal(t, value, read.Value.Reveal())
		require.Equal(t, "text/plain", read.ContentType)
		require.Equal(t, map[string]string{"generation": "1", "obtained-at": "2026-11-22T08:00:00.5Z"}, read.Tags)
		require.True(t, expires.Equal(read.Expires))
		require.Equal(t, written.Version, read.Version)
	}

	for _, value := range []string{" fake token ", "\"fake\\/<&>'%20+{}~", strings.Repeat("a", token.MaxLength)} {
		s.set(t, name, value, vault.Properties{})
		read, err := s.Get(t.Context(), name, "")
		require.NoError(t, err)
		require.Equal(t, value, read.Value.Reveal(), "not a character changes")
	}
}

func theLastSetIsCurrent(t *testing.T, s subject) {
	name := unused()
	first := s.set(t, name, value, vault.Properties{Tags: map[string]string{"generation": "1"}})
	second := s.set(t, name, "fake-refresh-token-2", vault.Properties{})

	current, err := s.Get(t.Context(), name, "")
	require.NoError(t, err)
	require.Equal(t, second.Version, current.Version)
	require.True(t, current.Expires.IsZero())
	require.Empty(t, current.Tags)

	old, err := s.Get(t.Context(), name, first.Version)
	require.NoError(t, err)
	require.Equal(t, value, old.Value.Reveal())
}

func setTagsReplacesTagsOnly(t *testing.T, s subject) {
	name := unused()
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	written := s.set(t, name, value, vault.Properties{
		Tags: map[string]string{"generation": "1", "run": "a"}, Expires: expires, ContentType: "text/plain",
	})
	for _, tags := range []map[string]string{{"generation": "1", "refresh-started-at": "now"}, {}} {
		require.NoError(t, s.SetTags(t.Context(), name, written.Version, tags))
		read, err := s.Get(t.Context(), name, "")
		require.NoError(t, err)
		require.Len(t, read.Tags, len(tags))
		for key, value := range tags {
			require.Equal(t, value, read.Tags[key])
		}
		require.Equal(t, written.Version, read.Version)
		require.Equal(t, value, read.Value.Reveal())
		require.True(t, expires.Equal(read.Expires))
		require.Equal(t, "text/plain", read.ContentType)
	}
}

func allPagesAreListed(t *testing.T, s subject) {
	name := unused()
	var want []string
	for i := range 60 {
		p := s.set(t, name, value, vault.Properties{Tags: map[string]string{"generation": fmt.Sprint(i)}})
		want = append(want, p.Version+"/"+fmt.Sprint(i))
	}
	versions, err := s.Versions(t.Context(), name)
	require.NoError(t, err)
	var got []string
	for _, v := range versions {
		require.True(t, v.Enabled)
		require.False(t, v.Created.IsZero())
		got = append(got, v.Version+"/"+v.Tags["generation"])
	}
	require.ElementsMatch(t, want, got)
}

func aNeverWrittenNameIsAbsent(t *testing.T, s subject) {
	name := unused()
	_, err := s.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrNotFound)
	versions, err := s.Versions(t.Context(), name)
	require.NoError(t, err)
	require.Empty(t, versions)
	deleted, err := s.IsDeleted(t.Context(), name)
	require.NoError(t, err)
	require.False(t, deleted)
	require.ErrorIs(t, s.Recover(t.Context(), name), vault.ErrNotFound)

	s.set(t, name, value, vault.Properties{})
	const noVersion = "00000000000000000000000000000000"
	_, err = s.Get(t.Context(), name, noVersion)
	require.ErrorIs(t, err, vault.ErrNotFound)
	require.ErrorIs(t, s.SetTags(t.Context(), name, noVersion, nil), vault.ErrNotFound)
}

func aDisabledVersionIsListed(t *testing.T, s subject) {
	name := unused()
	old := s.set(t, name, value, vault.Properties{})
	current := s.set(t, name, "fake-refresh-token-2", vault.Properties{Tags: map[string]string{"generation": "2"}})
	require.NoError(t, s.DisableVersion(t.Context(), name, current.Version))
	require.NoError(t, s.DisableVersion(t.Context(), name, current.Version), "it may be repeated")

	want := vault.ErrDisabled
	if s.hidesDisabled {
		want = vault.ErrNotFound
	}
	_, err := s.Get(t.Context(), name, "")
	require.ErrorIs(t, err, want, "an older version does not step in")
	_, err = s.Get(t.Context(), name, old.Version)
	require.NoError(t, err)
	versions, err := s.Versions(t.Context(), name)
	require.NoError(t, err)
	require.Len(t, versions, 2)
	for _, v := range versions {
		require.Equal(t, v.Version == old.Version, v.Enabled)
		if v.Version == current.Version {
			require.Equal(t, current.Tags, v.Tags)
		}
	}
}

func aDeletedNameIsRecovered(t *testing.T, s subject) {
	name := unused()
	first := s.set(t, name, value, vault.Properties{Tags: map[string]string{"generation": "1"}})
	second := s.set(t, name, "fake-refresh-token-2", vault.Properties{Tags: map[string]string{"generation": "2"}, ContentType: "text/plain"})
	require.NoError(t, s.DeleteName(t.Context(), name))

	deleted, err := s.IsDeleted(t.Context(), name)
	require.NoError(t, err)
	require.True(t, deleted)
	_, err = s.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrNotFound)
	versions, err := s.Versions(t.Context(), name)
	require.NoError(t, err)
	require.Empty(t, versions)
	_, err = s.Set(t.Context(), name, token.NewSecret("fake-refresh-token-3"), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrDeleted)

	require.NoError(t, s.Recover(t.Context(), name))
	current, err := s.Get(t.Context(), name, "")
	require.NoError(t, err)
	require.Equal(t, second.Version, current.Version)
	require.Equal(t, "fake-refresh-token-2", current.Value.Reveal())
	require.Equal(t, map[string]string{"generation": "2"}, current.Tags)
	require.Equal(t, "text/plain", current.ContentType, "probing for writability changes nothing")
	versions, err = s.Versions(t.Context(), name)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{first.Version, second.Version}, []string{versions[0].Version, versions[1].Version})
	s.set(t, name, "fake-refresh-token-3", vault.Properties{})
	require.NoError(t, s.Recover(t.Context(), name), "a live name needs no recovery")
}

func aDisabledNameIsDeleted(t *testing.T, s subject) {
	name := unused()
	written := s.set(t, name, value, vault.Properties{})
	require.NoError(t, s.DisableVersion(t.Context(), name, written.Version))
	require.NoError(t, s.DeleteName(t.Context(), name))

	deleted, err := s.IsDeleted(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, !s.hidesDisabled, deleted)
	require.NoError(t, s.Recover(t.Context(), name))
	versions, err := s.Versions(t.Context(), name)
	require.NoError(t, err)
	require.Len(t, versions, 1)
	require.False(t, versions[0].Enabled, "recovered disabled")
}
