package main_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
)

// TestEachRowPromisesNoMoreThanItsSimulationGives holds two readings of the same pages
// against each other: the product's row, and the simulator's profile, which is written
// apart. A row may be more careful than its profile, and never less.
func TestEachRowPromisesNoMoreThanItsSimulationGives(t *testing.T) {
	places := map[provider.AuthStyle]authserver.ClientPlace{
		provider.AuthHeader: authserver.InHeader, provider.AuthBody: authserver.InForm, provider.AuthJSON: authserver.InJSON, provider.AuthQuery: authserver.InQuery,
	}
	for _, row := range provider.Builtin().Providers() {
		t.Run(row.Name, func(t *testing.T) {
			sim, err := authserver.ProviderOf(row.Name)
			require.NoError(t, err)
			require.Contains(t, sim.ClientIn, places[row.AuthStyle], "where the client shows itself")
			require.Equal(t, sim.TokenPath, pathOf(t, row.TokenURL))
			if row.AuthURL != "" {
				require.Equal(t, sim.AuthorizePath, pathOf(t, row.AuthURL))
			}
			if row.RevokeURL != "" {
				require.Equal(t, sim.RevokePath, pathOf(t, row.RevokeURL))
			}
			for name, address := range row.TokenURLs {
				if path, known := sim.Portals[name]; known {
					require.Equal(t, path, pathOf(t, address), name)
				}
			}

			require.Equal(t, sim.AccessTokenLifetime, row.AccessTokenLifetime)
			require.Equal(t, sim.RepeatPause, row.RepeatPause)
			switch row.Rotation {
			case provider.NoRotation:
				require.Equal(t, grant.Never, sim.Rotation)
				require.False(t, sim.OptsIn, "it may rotate")
			case provider.SingleUse:
				require.Equal(t, grant.Always, sim.Rotation)
			}
			if !sim.SpentStaysGood {
				require.LessOrEqual(t, row.ReplayWindow, sim.ReplayWindow, "a lost answer is repeated for less long")
				require.NotEqual(t, provider.Harmless, row.Reuse)
			}
			if row.ReplayWindow > 0 && !sim.ReplayOutlastsUse && !sim.SpentStaysGood {
				require.True(t, row.ReplayEndsOnUse, "the use of the new access token ends the replay")
			}
			if sim.ReuseRevokes || sim.OptsIn {
				require.Contains(t, []provider.Reuse{provider.RevokesGrant, ""}, row.Reuse)
			}
			if sim.EndsAccess {
				require.True(t, row.EndsAccessToken, "a refresh ends the access token before it")
			}
			endsNoLater(t, "idle", row.GrantIdle, sim.Idle)
			endsNoLater(t, "life", row.GrantLife, sim.Life)
		})
	}
}

// endsNoLater: a grant that ends is known to end, and not later than it does.
func endsNoLater(t *testing.T, what string, row, sim time.Duration) {
	t.Helper()
	if sim == 0 {
		return
	}
	require.Positive(t, row, what)
	require.LessOrEqual(t, row, sim, what)
}

func pathOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Path
}
