package provider_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func TestAGrantThatIsOnlyKeptAliveIsRefreshedAsItsLifeDemands(t *testing.T) {
	for _, c := range []struct {
		name string
		p    provider.Provider
		want time.Duration
	}{
		{"no end is known", provider.Provider{AccessTokenLifetime: time.Hour}, 24 * time.Hour},
		{"an idle grant lives for months", provider.Provider{AccessTokenLifetime: time.Hour, GrantIdle: 90 * day}, 24 * time.Hour},
		{"for two days", provider.Provider{AccessTokenLifetime: time.Hour, GrantIdle: 2 * day}, 12 * time.Hour},
		{"for a day", provider.Provider{AccessTokenLifetime: time.Hour, GrantIdle: day}, 6 * time.Hour},
		{"for an hour, as the access token", provider.Provider{AccessTokenLifetime: time.Hour, GrantIdle: time.Hour}, 30 * time.Minute},
		{"only the last hour of a day and a half gets another token", provider.Provider{AccessTokenLifetime: 36 * time.Hour, RenewsWithin: time.Hour}, 30 * time.Minute},
		{"only the last hour of six gets another token", provider.Provider{AccessTokenLifetime: 6 * time.Hour, RenewsWithin: time.Hour}, 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.p.AlivePeriod()) })
	}
	for _, p := range provider.Builtin().Providers() {
		require.GreaterOrEqual(t, p.AlivePeriod(), p.Period(), p.Name)
		require.LessOrEqual(t, p.AlivePeriod(), provider.LongestAlive, p.Name)
		require.True(t, p.GrantIdle == 0 || 3*p.AlivePeriod() < p.GrantIdle, "%s: three tries fit", p.Name)
	}
}
