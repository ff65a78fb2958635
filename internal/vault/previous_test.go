package vault_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestThePreviousCredentialsAreTheNewestThatDiffer(t *testing.T) {
	for _, tc := range []struct {
		name  string
		names vault.Names
		put   func(r *fixture, secret string)
		from  string // the name whose versions count
	}{
		{"in one secret", names, func(r *fixture, secret string) { r.secrets.Put("FitbitCredentials", encoded("fake-id:"+secret)) }, "FitbitCredentials"},
		{"in two", inTheClear, func(r *fixture, secret string) { r.secrets.Put("WithingsClientSecret", secret) }, "WithingsClientSecret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			r.secrets.Now = seconds()
			previous := func() (token.Client, bool) {
				t.Helper()
				client, ok, err := r.vault.PreviousCredentials(t.Context(), tc.names)
				require.NoError(t, err)
				return client, ok
			}
			r.secrets.Put("WithingsClientId", "fake-id")
			tc.put(r, "fake-1")
			_, ok := previous()
			require.False(t, ok, "there is no other version")
			tc.put(r, "fake-1\n")
			_, ok = previous()
			require.False(t, ok, "the other version reads as the same client")

			tc.put(r, "fake-2")
			client, ok := previous()
			require.True(t, ok)
			require.Equal(t, token.Client{ID: "fake-id", Secret: token.NewSecret("fake-1")}, client)
			tc.put(r, "fake-3")
			r.secrets.Put(tc.from, `"`)
			tc.put(r, "fake-3")
			client, _ = previous()
			require.Equal(t, "fake-2", client.Secret.Reveal(), "what is malformed is passed over")

			all := r.secrets.All(tc.from)
			require.NoError(t, r.secrets.DisableVersion(t.Context(), tc.from, all[2].Version))
			client, _ = previous()
			require.Equal(t, "fake-1", client.Secret.Reveal(), "what is disabled is passed over")

			r.secrets.Before = refusing("list "+tc.from, vault.ErrThrottled)
			_, _, err := r.vault.PreviousCredentials(t.Context(), tc.names)
			require.ErrorIs(t, err, vault.ErrThrottled)
		})
	}
}

func TestThePreviousCredentialsAreLookedForInABoundedNumberOfVersions(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.secrets.Put("FitbitCredentials", encoded("fake-id:fake-1"))
	for i := range 1000 {
		r.secrets.Put("FitbitCredentials", `"`+strconv.Itoa(i))
	}
	r.secrets.Put("FitbitCredentials", encoded("fake-id:fake-2"))
	calls := r.counts()
	_, ok, err := r.vault.PreviousCredentials(t.Context(), names)
	require.NoError(t, err)
	require.False(t, ok)
	require.LessOrEqual(t, calls["get FitbitCredentials"], 10)
	require.Equal(t, 1, calls["list FitbitCredentials"])
}

// A provider calls a token of one app dead where another app presents it.
func TestThePreviousCredentialsAreOfTheSameApp(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.secrets.Put("FitbitCredentials", encoded("fake-new-app:fake-0"))
	r.secrets.Put("FitbitCredentials", encoded("fake-old-app:fake-1"))
	r.secrets.Put("FitbitCredentials", encoded("fake-new-app:fake-2"))
	client, ok, err := r.vault.PreviousCredentials(t.Context(), names)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, token.Client{ID: "fake-new-app", Secret: token.NewSecret("fake-0")}, client)

	r.secrets.Put("FitbitCredentials", encoded("fake-newest-app:fake-3"))
	_, ok, err = r.vault.PreviousCredentials(t.Context(), names)
	require.NoError(t, err)
	require.False(t, ok)
}
