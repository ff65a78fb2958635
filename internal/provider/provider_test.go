package provider_test

import (
	"fmt"
	"net/url"
	"os"
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

func TestFitbitIsAsItsReferenceSays(t *testing.T) {
	p := lookup(t, "fitbit")
	require.Equal(t, "https://api.fitbit.com/oauth2/token", p.TokenURL)
	require.Equal(t, provider.AuthHeader, p.AuthStyle)
	require.Equal(t, provider.SingleUse, p.Rotation)
	require.Equal(t, 2*time.Minute, p.ReplayWindow)
	require.Equal(t, 8*time.Hour, p.AccessTokenLifetime)
	require.Equal(t, provider.Status{Retired: true, Successor: "google-health", Since: "autumn 2026"}, p.Status)
}

func TestGoogleHealthKeepsItsRefreshTokenAndAsksForOne(t *testing.T) {
	p := lookup(t, "google-health")
	require.Equal(t, provider.NoRotation, p.Rotation)
	require.Equal(t, provider.AuthBody, p.AuthStyle)
	require.Equal(t, "offline", p.AuthParams["access_type"])
	require.Equal(t, "consent", p.AuthParams["prompt"])
	require.False(t, p.Status.Retired)
}

func TestTheOtherProvidersAreAsTheirReferencesSay(t *testing.T) {
	for _, tc := range []struct {
		name, tokenURL string
		style          provider.AuthStyle
		rotation       provider.Rotation
		replay, life   time.Duration
	}{
		{"oura", "https://api.ouraring.com/oauth/token", provider.AuthBody, provider.SingleUse, 0, 24 * time.Hour},
		{"strava", "https://www.strava.com/oauth/token", provider.AuthBody, provider.Sometimes, 0, 6 * time.Hour},
		{"whoop", "https://api.prod.whoop.com/oauth/oauth2/token", provider.AuthBody, provider.SingleUse, 0, time.Hour},
		{"withings", "https://wbsapi.withings.net/v2/oauth2", provider.AuthBody, provider.SingleUse, 8 * time.Hour, 3 * time.Hour},
		{"xero", "https://identity.xero.com/connect/token", provider.AuthHeader, provider.SingleUse, 30 * time.Minute, 30 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := lookup(t, tc.name)
			require.Equal(t, tc.tokenURL, p.TokenURL)
			require.Equal(t, tc.style, p.AuthStyle)
			require.Equal(t, tc.rotation, p.Rotation)
			require.Equal(t, tc.replay, p.ReplayWindow)
			require.Equal(t, tc.life, p.AccessTokenLifetime)
			require.False(t, p.Status.Retired)
		})
	}
}

func TestBuiltinProvidersAreWhole(t *testing.T) {
	table := provider.Builtin()
	for _, p := range table.Providers() {
		t.Run(p.Name, func(t *testing.T) {
			require.NotEmpty(t, p.Title)
			require.NotEmpty(t, p.AuthStyle)
			require.NotEmpty(t, p.Rotation)
			require.NotEmpty(t, p.Dialect)
			require.NotEmpty(t, p.Scopes)
			require.Positive(t, p.AccessTokenLifetime)
			for _, endpoint := range []string{p.AuthURL, p.TokenURL, p.RevokeURL} {
				u, err := url.Parse(endpoint)
				require.NoError(t, err)
				require.True(t, endpoint == "" || u.Scheme == "https" && u.Host != "", endpoint)
			}
			if p.Status.Successor != "" {
				_, err := table.Lookup(p.Status.Successor)
				require.NoError(t, err)
			}
		})
	}
}

func TestProvidersAreSortedByName(t *testing.T) {
	var names []string
	for _, p := range provider.Builtin().Providers() {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{"fitbit", "google-health", "oura", "strava", "whoop", "withings", "xero"}, names)
}

func TestBuiltinProvidersSayWhatIsDocumentedOfReuseAndRepeats(t *testing.T) {
	for _, p := range provider.Builtin().Providers() {
		require.Equal(t, map[string]provider.Reuse{"xero": provider.Refused}[p.Name], p.Reuse, p.Name)
		require.Equal(t, map[string]time.Duration{"withings": 10 * time.Second}[p.Name], p.RepeatPause, p.Name)
		require.Equal(t, map[string]string{"fitbit": "Fitbit-Rate-Limit-Reset", "whoop": "X-RateLimit-Reset"}[p.Name], p.RateLimitResetHeader, p.Name)
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
	require.EqualError(t, err, `provider "fitbitt" is not known; use one of fitbit, google-health, oura, strava, whoop, withings, xero, or describe it in the providers file`)
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

func TestThePageOfProvidersSaysWhatTheTableSays(t *testing.T) {
	page, err := os.ReadFile("../../docs/providers.md")
	require.NoError(t, err)
	for _, p := range provider.Builtin().Providers() {
		require.True(t, strings.Contains(string(page), "\n"+row(p)+"\n"), "docs/providers.md lacks the row of %s: %s", p.Name, row(p))
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
		revoked = "the account owner"
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
