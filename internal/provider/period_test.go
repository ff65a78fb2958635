package provider_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

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

func TestPeriodsOfTheBuiltinProviders(t *testing.T) {
	for name, want := range map[string]time.Duration{
		"fitbit": 6 * time.Hour, "google-health": 30 * time.Minute, "oura": 12 * time.Hour, "strava": 30 * time.Minute,
		"whoop": 30 * time.Minute, "withings": 2 * time.Hour, "xero": 20 * time.Minute,
	} {
		require.Equal(t, want, lookup(t, name).Period(), name)
	}
}

func TestNoAccessTokenEndsBeforeARefreshThatRenewsIt(t *testing.T) {
	for _, p := range provider.Builtin().Providers() {
		renews := p.RenewsWithin
		if renews == 0 {
			renews = p.AccessTokenLifetime
		}
		// Whenever it was issued, some run comes where an answer holds another one.
		for issued := time.Duration(0); issued < p.Period(); issued += time.Minute {
			end := issued + p.AccessTokenLifetime
			due := end - renews
			next := (due + p.Period() - 1).Truncate(p.Period()) // the first run from then on
			require.Less(t, next, end, "%s: issued %s after a run, it ends before it is renewed", p.Name, issued)
			require.GreaterOrEqual(t, end-next, renews/4, "%s: no time for another try", p.Name)
		}
	}
}
