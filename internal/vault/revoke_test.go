package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestAnEndedGrantIsDisabledAndKept(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	pair, err := r.vault.Tokens(t.Context(), names)
	require.NoError(t, err)
	require.Equal(t, token.Pair{RefreshToken: old.refresh(3), AccessToken: old.access(3), Issue: token.Issue{UserID: "FAKE01"}}, pair)

	disabled, err := r.vault.Disable(t.Context(), names)
	require.NoError(t, err)
	require.True(t, disabled)
	for _, name := range []string{names.RefreshToken, names.AccessToken} {
		require.False(t, r.top(name).Enabled)
		require.Len(t, r.values(name), 4)
		require.Equal(t, "3", r.top(name).Tags["generation"])
	}
	_, _, err = r.vault.Load(t.Context(), names, 0)
	require.ErrorIs(t, err, vault.ErrDisabled, "nothing older may take its place")

	disabled, err = r.vault.Disable(t.Context(), names)
	require.NoError(t, err)
	require.False(t, disabled)
	pair, err = r.vault.Tokens(t.Context(), names)
	require.NoError(t, err)
	require.Zero(t, pair)
}

func TestOneHalfThatIsDisabledLeavesTheOther(t *testing.T) {
	for call := 1; call <= 4; call++ {
		r := open(t)
		r.upTo(old, 3)
		calls := 0
		r.secrets.Before = func(op, name string) error {
			if calls++; calls == call {
				return &vault.Error{Op: op, Name: name, Kind: vault.ErrUnavailable}
			}
			return nil
		}
		_, err := r.vault.Disable(t.Context(), names)
		require.ErrorIs(t, err, vault.ErrUnavailable)
		_, err = r.vault.Disable(t.Context(), names)
		require.NoError(t, err)
		require.False(t, r.top(names.RefreshToken).Enabled)
		require.False(t, r.top(names.AccessToken).Enabled)
	}
}
