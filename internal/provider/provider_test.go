package provider_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func lookup(t testing.TB, name string) provider.Provider {
	t.Helper()
	p, err := provider.Builtin().Lookup(name)
	require.NoError(t, err)
	return p
}

func TestNamesThatOthersDeriveFromAProvider(t *testing.T) {
	for _, tc := range []struct{ name, activity, prefix, credentials string }{
		{"fitbit", "CallFitbit", "", "FitbitCredentials"},
		{"google-health", "CallGoogleHealth", "GoogleHealth", "GoogleHealthCredentials"},
		{"a-1-b", "CallA1B", "A1B", "A1BCredentials"},
	} {
		p := provider.Provider{Name: tc.name}
		require.Equal(t, tc.activity, p.ActivityType())
		require.Equal(t, tc.prefix, p.VaultPrefix())
		require.Equal(t, tc.credentials, p.CredentialsName())
	}
}

func TestAnActivityTypeNeedsNoTable(t *testing.T) {
	for _, p := range provider.Builtin().Providers() {
		require.Equal(t, p.ActivityType(), provider.ActivityTypeOf(p.Name))
	}
	require.Equal(t, "CallExampleHealth", provider.ActivityTypeOf("example-health"))
}

func TestLookupOfAnUnknownProviderListsTheKnownOnes(t *testing.T) {
	_, err := provider.Builtin().Lookup("fitbitt")
	require.ErrorIs(t, err, provider.ErrUnknownProvider)
	var known []string
	for _, p := range provider.Builtin().Providers() {
		known = append(known, p.Name)
	}
	require.EqualError(t, err, `provider "fitbitt" is not known; use one of `+strings.Join(known, ", ")+`, or describe it in the providers file`)
}

func TestThePeriodComesWellBeforeTheAccessTokenEnds(t *testing.T) {
	for life, want := range map[time.Duration]time.Duration{
		8 * time.Hour:       6 * time.Hour,
		24 * time.Hour:      12 * time.Hour,
		6 * time.Hour:       4 * time.Hour,
		3 * time.Hour:       2 * time.Hour,
		time.Hour:           30 * time.Minute,
		30 * time.Minute:    20 * time.Minute,
		5 * time.Minute:     3 * time.Minute,
		time.Minute:         time.Minute, // nothing shorter can be had of a cron
		90 * 24 * time.Hour: 24 * time.Hour,
	} {
		require.Equal(t, want, provider.Provider{AccessTokenLifetime: life}.Period(), "life of %s", life)
	}
}

func TestEveryPeriodIsAWholePartOfAnHourOrADay(t *testing.T) {
	for life := time.Minute; life < 48*time.Hour; life += time.Minute {
		period := provider.Provider{AccessTokenLifetime: life}.Period()
		if period < time.Hour {
			require.Zero(t, time.Hour%period, "life of %s", life)
		} else {
			require.Zero(t, 24*time.Hour%period, "life of %s", life)
		}
		require.True(t, period <= life*3/4 || period == time.Minute, "life of %s", life)
	}
}
