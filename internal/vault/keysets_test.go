package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/vault"
)

func texts(keysets [][]byte) (texts []string) {
	for _, k := range keysets {
		texts = append(texts, string(k))
	}
	return texts
}

func TestEveryEnabledKeysetIsReadTheCurrentOneFirst(t *testing.T) {
	secrets := &memvault.Vault{Now: seconds()}
	keysets := vault.NewKeysets(secrets)
	for _, k := range []string{"fake-keyset-1", "fake-keyset-2", "fake-keyset-3", "fake-keyset-4"} {
		require.NoError(t, keysets.Put(t.Context(), []byte(k)))
		if k == "fake-keyset-2" {
			secrets.Disable(seal.SecretName)
		}
	}
	got, err := keysets.Keysets(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"fake-keyset-4", "fake-keyset-3", "fake-keyset-1"}, texts(got))
	require.Equal(t, "application/json", secrets.All(seal.SecretName)[3].ContentType)
}

func TestAVaultWithoutAKeysetHasNone(t *testing.T) {
	got, err := vault.NewKeysets(&memvault.Vault{}).Keysets(t.Context())
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestADeletedKeysetIsNoAbsence(t *testing.T) {
	secrets := &memvault.Vault{}
	keysets := vault.NewKeysets(secrets)
	require.NoError(t, keysets.Put(t.Context(), []byte("fake-keyset-1")))
	secrets.Delete(seal.SecretName)
	_, err := keysets.Keysets(t.Context())
	require.EqualError(t, err, "vault: get TokenKeeperKeyset: soft-deleted; bring it back with: az keyvault secret recover --vault-name VAULT --name TokenKeeperKeyset")
	require.ErrorIs(t, keysets.Put(t.Context(), []byte("fake-keyset-2")), vault.ErrDeleted)
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
			require.NoError(t, keysets.Put(t.Context(), []byte("fake-keyset-1")))
			require.NoError(t, keysets.Put(t.Context(), []byte("fake-keyset-2")))
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
	require.NoError(t, keysets.Put(t.Context(), []byte("fake-keyset-1")))
	secrets.Disable(seal.SecretName)
	_, err := keysets.Keysets(t.Context())
	require.ErrorIs(t, err, vault.ErrDisabled)
}
