package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// texts are the readable values, with - for a version that is disabled.
func texts(versions []seal.Version) (texts []string) {
	for _, v := range versions {
		if !v.Enabled {
			v.Keyset = []byte("-")
		}
		texts = append(texts, string(v.Keyset))
	}
	return texts
}

func put(t *testing.T, keysets *vault.Keysets, keyset string) {
	t.Helper()
	_, err := keysets.Put(t.Context(), []byte(keyset), seal.Added, 7)
	require.NoError(t, err)
}

func TestEveryEnabledKeysetIsReadTheCurrentOneFirst(t *testing.T) {
	secrets := &memvault.Vault{Now: seconds()}
	keysets := vault.NewKeysets(secrets)
	for _, k := range []string{"fake-keyset-1", "fake-keyset-2", "fake-keyset-3", "fake-keyset-4"} {
		put(t, keysets, k)
		if k == "fake-keyset-2" {
			secrets.Disable(seal.SecretName)
		}
	}
	got, err := keysets.Keysets(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"fake-keyset-4", "fake-keyset-3", "-", "fake-keyset-1"}, texts(got))
	require.Equal(t, seal.Added, got[0].Step)
	require.Equal(t, seal.KeyID(7), got[0].Key)
	require.Equal(t, "application/json", secrets.All(seal.SecretName)[3].ContentType)
}

func TestADisabledCurrentKeysetHidesNoOlderOne(t *testing.T) {
	secrets := &memvault.Vault{Now: seconds()}
	keysets := vault.NewKeysets(secrets)
	put(t, keysets, "fake-keyset-1")
	put(t, keysets, "fake-keyset-2")
	require.NoError(t, keysets.Disable(t.Context(), secrets.All(seal.SecretName)[1].Version))
	got, err := keysets.Keysets(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"-", "fake-keyset-1"}, texts(got))
}

// A tag can be written by anyone, and is not repeated where it cannot be this program's.
func TestTagsOfAStrangerAreNoSteps(t *testing.T) {
	secrets := &memvault.Vault{}
	_, err := secrets.Set(t.Context(), seal.SecretName, token.NewSecret("fake-keyset-1"), vault.Properties{
		Tags: map[string]string{"keyset-step": "\x1b[31mrotate", "keyset-key": "99999999999"}})
	require.NoError(t, err)
	got, err := vault.NewKeysets(secrets).Keysets(t.Context())
	require.NoError(t, err)
	require.Empty(t, got[0].Step)
	require.Zero(t, got[0].Key)
}

func TestAVaultWithoutAKeysetHasNone(t *testing.T) {
	got, err := vault.NewKeysets(&memvault.Vault{}).Keysets(t.Context())
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestADeletedKeysetIsNoAbsence(t *testing.T) {
	secrets := &memvault.Vault{}
	keysets := vault.NewKeysets(secrets)
	put(t, keysets, "fake-keyset-1")
	secrets.Delete(seal.SecretName)
	_, err := keysets.Keysets(t.Context())
	require.EqualError(t, err, "vault: get TokenKeeperKeyset: soft-deleted; bring it back with: az keyvault secret recover --vault-name VAULT --name TokenKeeperKeyset")
	_, err = keysets.Put(t.Context(), []byte("fake-keyset-2"), seal.Added, 7)
	require.ErrorIs(t, err, vault.ErrDeleted)

	recovered, err := keysets.Recover(t.Context())
	require.NoError(t, err)
	require.True(t, recovered)
	got, err := keysets.Keysets(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"fake-keyset-1"}, texts(got))
	recovered, err = keysets.Recover(t.Context())
	require.NoError(t, err)
	require.False(t, recovered)
}

func TestWhateverHidesAKeysetIsAnErrorAndNoAbsence(t *testing.T) {
	for _, tc := range []struct {
		name    string
		calls   []string
		deleted bool
	}{
		{"the current one cannot be read", []string{"get"}, false},
		{"nor whether it is deleted", []string{"deleted"}, true},
		{"the versions cannot be listed", []string{"list"}, false},
		{"an older one cannot be read", []string{"get", "list", "get"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			secrets := &memvault.Vault{}
			keysets := vault.NewKeysets(secrets)
			put(t, keysets, "fake-keyset-1")
			put(t, keysets, "fake-keyset-2")
			if tc.deleted {
				secrets.Delete(seal.SecretName)
			}
			expected := tc.calls
			secrets.Before = func(op, name string) error {
				if op != expected[0] {
					return nil
				}
				if expected = expected[1:]; len(expected) == 0 {
					expected = []string{"none"}
					return &vault.Error{Op: op, Name: name, Kind: vault.ErrDenied}
				}
				return nil
			}
			got, err := keysets.Keysets(t.Context())
			require.ErrorIs(t, err, vault.ErrDenied)
			require.NotContains(t, err.Error(), "fake-keyset")
			require.Empty(t, got)
		})
	}

	secrets := &memvault.Vault{}
	keysets := vault.NewKeysets(secrets)
	put(t, keysets, "fake-keyset-1")
	secrets.Disable(seal.SecretName)
	_, err := keysets.Keysets(t.Context())
	require.ErrorIs(t, err, vault.ErrDisabled)
}
