package main_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/testenv/hydra"
	"tokenkeeper/internal/token"
)

// Hydra's refusals come with error_description, error_hint and status_code beside
// the code that decides.
func TestRefusalsOfHydraAreTakenForWhatTheyAre(t *testing.T) {
	h := newHydraSystem(t, provider.AuthHeader, 0)
	for _, c := range []struct {
		name string
		// presents gives who presents which refresh token.
		presents func(t *testing.T) (token.Client, string)
		want     provider.Kind
	}{
		{"a token that never was", func(*testing.T) (token.Client, string) {
			return h.client, hydra.TokenPrefix + "rt_never-issued.never-signed"
		}, provider.InvalidGrant},
		{"a spent token", func(t *testing.T) (token.Client, string) {
			spent := h.authorize(h.client, "spender")
			h.refreshes(t, spent)
			return h.client, spent
		}, provider.InvalidGrant},
		{"the live token of a grant of which a spent one was presented", func(t *testing.T) (token.Client, string) {
			spent := h.authorize(h.client, "victim")
			live := h.refreshes(t, spent)
			_, err := h.refresh(t, h.client, spent)
			require.Error(t, err)
			return h.client, live
		}, provider.InvalidGrant},
		{"a token that has expired", func(t *testing.T) (token.Client, string) {
			hasty := h.register(hydra.Registration{RefreshTokenLife: "1s"})
			first := h.authorize(hasty, "sleeper")
			pair, err := h.refresh(t, hasty, first)
			require.NoError(t, err)
			h.eventually("the refresh token has expired", func() bool { return !h.active(pair.RefreshToken) })
			return hasty, pair.RefreshToken.Reveal()
		}, provider.InvalidGrant},
		{"a token of a consent that was withdrawn", func(t *testing.T) (token.Client, string) {
			withdrawn := h.authorize(h.client, "leaver")
			require.NoError(t, h.hydra.Withdraw(t.Context(), "leaver"))
			return h.client, withdrawn
		}, provider.InvalidGrant},
		{"a token of another client", func(*testing.T) (token.Client, string) {
			return h.register(hydra.Registration{}), h.authorize(h.client, "borrower")
		}, provider.InvalidGrant},
		{"a client with another secret", func(*testing.T) (token.Client, string) {
			return token.Client{ID: h.client.ID, Secret: token.NewSecret("fake-and-wrong")}, h.authorize(h.client, "user")
		}, provider.InvalidClient},
		{"a client that is not known", func(*testing.T) (token.Client, string) {
			return token.Client{ID: "nobody", Secret: h.client.Secret}, h.authorize(h.client, "user")
		}, provider.InvalidClient},
		{"a client that may not refresh", func(*testing.T) (token.Client, string) {
			return h.register(hydra.Registration{GrantTypes: []string{"authorization_code"}}), h.authorize(h.client, "user")
		}, provider.InvalidClient},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, presented := c.presents(t)
			_, err := h.refresh(t, client, presented)
			var failure *provider.Failure
			require.ErrorAs(t, err, &failure)
			require.Equal(t, c.want, failure.Kind, failure.Error())
			require.False(t, h.secretIn(failure.Error()), "the failure holds a secret")
		})
	}
	t.Run("a client that authenticates in the other way", func(t *testing.T) {
		refreshToken := h.authorize(h.client, "user")
		other := h.provider(t)
		other.AuthStyle = provider.AuthBody
		_, err := provider.NewClient(nil).Refresh(t.Context(), other, h.client, token.NewSecret(refreshToken))
		var failure *provider.Failure
		require.ErrorAs(t, err, &failure)
		require.Equal(t, provider.InvalidClient, failure.Kind, failure.Error())
		h.refreshes(t, refreshToken) // which the attempt has not spent
	})
}

// provider is what the product makes of the providers file.
func (h *hydraSystem) provider(t *testing.T) provider.Provider {
	t.Helper()
	file, err := os.ReadFile(h.providers)
	require.NoError(t, err)
	table, err := provider.Builtin().Override(file, h.providers)
	require.NoError(t, err)
	p, err := table.Lookup("hydra")
	require.NoError(t, err)
	return p
}

// refresh refreshes with the product's client, without a workflow around it.
func (h *hydraSystem) refresh(t *testing.T, client token.Client, refreshToken string) (token.Pair, error) {
	t.Helper()
	return provider.NewClient(nil).Refresh(t.Context(), h.provider(t), client, token.NewSecret(refreshToken))
}

// refreshes is refresh where nothing is in its way, and gives the next token.
func (h *hydraSystem) refreshes(t *testing.T, refreshToken string) string {
	t.Helper()
	pair, err := h.refresh(t, h.client, refreshToken)
	require.NoError(t, err)
	return pair.RefreshToken.Reveal()
}
