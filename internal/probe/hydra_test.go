package probe_test

import (
	"context"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/probe"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/testenv/hydra"
	"tokenkeeper/internal/token"
)

// Ory Hydra is a provider that another project wrote. What is measured of it is what it is
// configured to do, on its own clock.
func TestHydraIsMeasuredAsItIsConfigured(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("Ory Hydra is not tested: it needs a C compiler")
	}
	binary, err := hydra.Build(t.Context())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		grace time.Duration
		want  func(*testing.T, probe.Findings)
	}{
		"without grace": {0, func(t *testing.T, f probe.Findings) {
			require.Equal(t, probe.Never, f.Repeats)
			require.Equal(t, provider.RevokesGrant, f.Reuse)
		}},
		"with grace": {20 * time.Second, func(t *testing.T, f probe.Findings) {
			require.Equal(t, probe.Another, f.Repeats)
			require.LessOrEqual(t, f.AtLeast, 20*time.Second)
			require.Greater(t, f.AtLeast, 2*time.Second)
			require.GreaterOrEqual(t, f.LessThan, 20*time.Second)
			require.Equal(t, provider.RevokesGrant, f.Reuse, "after the grace")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := hydra.Start(t.Context(), hydra.Options{Binary: binary, Dir: t.TempDir(), Grace: c.grace})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, server.Stop()) })
			entry := provider.Provider{
				Name: "hydra", Title: "Ory Hydra", Dialect: provider.RFC6749, AuthStyle: provider.AuthHeader, Scopes: []string{"openid", "offline"},
				AuthURL: server.Public + "/oauth2/auth", TokenURL: server.Public + "/oauth2/token", RevokeURL: server.Public + "/oauth2/revoke",
				Rotation: provider.SingleUse, AccessTokenLifetime: time.Hour,
			}
			client, refresh := consentAtHydra(t, server, entry)
			runner := probe.Runner{
				Presenter: probe.NewPresenter(entry, client, nil, time.Now), Revokes: true,
				Alive: server.Active,
				Allow: func(context.Context, probe.Step) (bool, error) { return true, nil },
				Say:   func(format string, args ...any) { t.Logf(format, args...) },
				Now:   time.Now, Sleep: probe.Sleep, MaxWait: 40 * time.Second,
			}
			found, err := runner.Run(t.Context(), refresh)
			require.NoError(t, err)
			row := found.Row(entry, false)
			t.Log("\n" + row)
			require.NotContains(t, row, hydra.TokenPrefix)
			require.Equal(t, provider.SingleUse, rowOf(t, row, "hydra").Rotation)
			require.Equal(t, found.Reuse, rowOf(t, row, "hydra").Reuse)
			require.True(t, found.Dead[0].Understood)
			c.want(t, found)
		})
	}
}

func rowOf(t *testing.T, row, name string) provider.Provider {
	t.Helper()
	table, err := provider.Builtin().Override([]byte(row), "row.yaml")
	require.NoError(t, err, row)
	got, err := table.Lookup(name)
	require.NoError(t, err)
	return got
}

func consentAtHydra(t *testing.T, server *hydra.Server, entry provider.Provider) (token.Client, token.Secret) {
	t.Helper()
	const callback = "http://127.0.0.1/callback"
	client, err := server.Register(t.Context(), hydra.Registration{
		RedirectURIs: []string{callback}, Scope: "openid offline", AuthMethod: "client_secret_basic",
		GrantTypes: []string{"authorization_code", "refresh_token"},
	})
	require.NoError(t, err)
	request := provider.NewAuthorizationRequest(callback, nil)
	page, err := request.URL(entry, client.ID)
	require.NoError(t, err)
	at, err := server.Visit(t.Context(), page, "fake-user")
	require.NoError(t, err)
	back, err := url.Parse(at)
	require.NoError(t, err)
	pair, err := provider.NewClient(nil).Exchange(t.Context(), entry, client, request, token.NewSecret(back.Query().Get("code")))
	require.NoError(t, err)
	return client, pair.RefreshToken
}
