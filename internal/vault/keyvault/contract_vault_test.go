package keyvault_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var run = vault.Run{WorkflowID: "fitbit-token-refresh", RunID: "fake-run-1"}

// account returns a new account whose first refresh token was just put into the vault.
func (s subject) account(t *testing.T) (token.Account, vault.Names, vault.RefreshToken) {
	t.Helper()
	account, err := token.NewAccount("", unused())
	require.NoError(t, err)
	located, err := vault.Locate(provider.Builtin(), account)
	require.NoError(t, err)
	names := located.Names
	names.Credentials += "-" + account.Name // so that accounts share nothing
	s.set(t, names.RefreshToken, value, vault.Properties{})
	first, _, err := vault.New(s).Load(t.Context(), names, 0)
	require.NoError(t, err)
	return account, names, first
}

// issued is the pair that a provider issues for the token that parent describes.
func issued(a token.Account, parent token.Provenance) vault.Entry {
	generation := parent.Generation + 1
	refresh := token.NewSecret(fmt.Sprintf("fake-refresh-token-of-generation-%d", generation))
	return vault.Entry{
		Account: a,
		Pair: token.Pair{
			AccessToken:  token.NewSecret(fmt.Sprintf("fake-access-token-of-generation-%d", generation)),
			RefreshToken: refresh,
			Issue: token.Issue{
				Expiry:     time.Now().Add(8 * time.Hour).UTC().Truncate(time.Second),
				ObtainedAt: time.Now(),
				UserID:     "FAKE42",
			},
		},
		Provenance: parent.Next(refresh.Fingerprint()),
	}
}

func vaultRefreshes(t *testing.T, s subject) {
	v := vault.New(s)
	account, names, first := s.account(t)
	require.Zero(t, first.Generation)
	require.Equal(t, value, first.Value.Reveal())

	require.NoError(t, v.RecordIntent(t.Context(), names, account, first, run, nil))
	begun, _, err := v.Load(t.Context(), names, 0)
	require.NoError(t, err)
	require.Equal(t, run.RunID, begun.IntentRunID)
	require.NotEqual(t, first.Version, begun.Version, "a worker's first intent record proves that the vault takes versions")
	require.NoError(t, v.RecordIntent(t.Context(), names, account, begun, run, nil))
	again, _, err := v.Load(t.Context(), names, 0)
	require.NoError(t, err)
	require.Equal(t, begun.Version, again.Version, "the next ones make none")

	entry := issued(account, begun.Provenance)
	receipt, err := v.Store(t.Context(), names, entry, run)
	require.NoError(t, err)
	require.False(t, receipt.Superseded)
	repeated, err := v.Store(t.Context(), names, entry, run)
	require.NoError(t, err)
	require.Equal(t, receipt, repeated, "storing may be repeated")

	stored, access, err := v.Load(t.Context(), names, 0)
	require.NoError(t, err)
	require.Equal(t, entry.Provenance, stored.Provenance)
	require.Equal(t, entry.RefreshToken.Reveal(), stored.Value.Reveal())
	require.Equal(t, receipt.RefreshTokenVersion, stored.Version)
	require.Equal(t, "FAKE42", stored.UserID)
	require.Equal(t, entry.Provenance.Generation, access.Generation)
	require.True(t, entry.Expiry.Equal(access.Expires))
	require.Equal(t, receipt.AccessTokenVersion, access.Version)
}

// generations stores the given number of refreshes after the first token.
func (s subject) generations(t *testing.T, a token.Account, n vault.Names, first vault.RefreshToken, count int) []vault.Entry {
	t.Helper()
	var entries []vault.Entry
	parent := first.Provenance
	for range count {
		entry := issued(a, parent)
		_, err := vault.New(s).Store(t.Context(), n, entry, run)
		require.NoError(t, err)
		entries, parent = append(entries, entry), entry.Provenance
	}
	return entries
}

func vaultKeepsTheNewest(t *testing.T, s subject) {
	account, names, first := s.account(t)
	entries := s.generations(t, account, names, first, 3)

	receipt, err := vault.New(s).Store(t.Context(), names, entries[0], run)
	require.NoError(t, err)
	require.True(t, receipt.Superseded)
	current, _, err := vault.New(s).Load(t.Context(), names, 0)
	require.NoError(t, err)
	require.Equal(t, entries[2].Provenance, current.Provenance)
}

func vaultPromotes(t *testing.T, s subject) {
	v := vault.New(s)
	account, names, first := s.account(t)
	entries := s.generations(t, account, names, first, 2)

	found, err := v.PromoteSuccessor(t.Context(), names, account, entries[1].Provenance, run)
	require.NoError(t, err)
	require.False(t, found, "nothing outranks the newest")
	found, err = v.PromoteSuccessor(t.Context(), names, account, entries[0].Provenance, run)
	require.NoError(t, err)
	require.True(t, found)

	// A late writer that knows no fence puts an old token on top.
	versions, err := s.Versions(t.Context(), names.RefreshToken)
	require.NoError(t, err)
	old := versions[slices.IndexFunc(versions, func(v vault.Properties) bool { return v.Tags["generation"] == "1" })]
	s.set(t, names.RefreshToken, entries[0].RefreshToken.Reveal(), vault.Properties{Tags: old.Tags})
	found, err = v.PromoteSuccessor(t.Context(), names, account, entries[0].Provenance, run)
	require.NoError(t, err)
	require.True(t, found)
	current, _, err := v.Load(t.Context(), names, 0)
	require.NoError(t, err)
	require.Equal(t, entries[1].Provenance, current.Provenance)
}

func vaultStoresIntoADeletedName(t *testing.T, s subject) {
	v := vault.New(s)
	account, names, first := s.account(t)
	require.NoError(t, s.DeleteName(t.Context(), names.RefreshToken))
	_, _, err := v.Load(t.Context(), names, 0)
	require.ErrorIs(t, err, vault.ErrDeleted)
	require.ErrorContains(t, err, "az keyvault secret recover --vault-name VAULT --name "+names.RefreshToken)

	entry := issued(account, first.Provenance)
	_, err = v.Store(t.Context(), names, entry, run)
	require.NoError(t, err)
	current, _, err := v.Load(t.Context(), names, 0)
	require.NoError(t, err)
	require.Equal(t, entry.Provenance, current.Provenance)
}

func vaultReadsCredentials(t *testing.T, s subject) {
	_, names, _ := s.account(t)
	s.set(t, names.Credentials, base64.StdEncoding.EncodeToString([]byte("fake-id:fake-secret")), vault.Properties{})
	client, err := vault.New(s).Credentials(t.Context(), names)
	require.NoError(t, err)
	require.Equal(t, "fake-id", client.ID)
	require.Equal(t, "fake-secret", client.Secret.Reveal())
}

func vaultKeepsTheKeyset(t *testing.T, s subject) {
	binding := seal.Binding{Account: token.Account{Provider: "fitbit", Name: unused()}, Provenance: token.Provenance{Generation: 1}}
	keyring := seal.New(vault.NewKeysets(s))
	_, err := keyring.Create(t.Context())
	require.NoError(t, err)
	envelope, err := keyring.Seal(t.Context(), binding, []byte(value))
	require.NoError(t, err)

	added, err := keyring.AddKey(t.Context())
	require.NoError(t, err)
	require.NoError(t, keyring.Promote(t.Context(), added))
	opened, err := seal.New(vault.NewKeysets(s)).Open(t.Context(), binding, envelope)
	require.NoError(t, err)
	require.Equal(t, value, string(opened))
	keysets, err := vault.NewKeysets(s).Keysets(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(keysets), 3)
}
