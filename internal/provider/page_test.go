package provider_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func TestThePageOfProvidersSaysWhatTheTableSays(t *testing.T) {
	page, err := os.ReadFile("../../docs/providers.md")
	require.NoError(t, err)
	for _, p := range provider.Builtin().Providers() {
		require.Contains(t, string(page), "\n"+row(p)+"\n", "the row of %s in docs/providers.md", p.Name)
	}
}

// row is a provider's row of the page.
func row(p provider.Provider) string {
	repeats := "no"
	switch {
	case p.Rotation == provider.NoRotation:
		repeats = ""
	case p.ReplayWindow > 0:
		repeats = "for " + brief(p.ReplayWindow)
	}
	revoked := map[provider.Revocation]string{
		provider.RevokeToken: "refresh token", provider.RevokeUnsigned: "refresh token, without the client",
		provider.RevokeByAccess: "access token", provider.RevokeByBearer: "access token, as a bearer",
	}[p.Revocation]
	if p.RevokeURL == "" {
		revoked = "the person"
	}
	cells := []string{"`" + p.Name + "`", string(p.AuthStyle), brief(p.AccessTokenLifetime), string(p.Rotation), repeats, brief(p.Period()), revoked}
	return strings.ReplaceAll("| "+strings.Join(cells, " | ")+" |", "|  |", "| |")
}

func brief(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh", int(d.Hours()))
}
