package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func TestAnAccountIsForecastWhereItMustConsent(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	in := func(days int) time.Time { return now.Add(time.Duration(days) * day) }
	for name, c := range map[string]struct {
		account accountEnds
		want    providerForecast
		due     bool // within 30 days
	}{
		"nothing known":                                     {accountEnds{}, providerForecast{Unknown: 1}, false},
		"refreshed, no hard end":                            {accountEnds{idle: in(5)}, providerForecast{None: 1}, false},
		"refreshed, hard end far off":                       {accountEnds{idle: in(5), hard: in(200)}, providerForecast{Later: 1}, false},
		"hard end within 90 days":                           {accountEnds{hard: in(89)}, providerForecast{Within90: 1}, false},
		"hard end within 30 days":                           {accountEnds{hard: in(29), idle: in(60)}, providerForecast{Within90: 1, Within30: 1}, true},
		"hard end within 7 days":                            {accountEnds{hard: in(6)}, providerForecast{Within90: 1, Within30: 1, Within7: 1}, true},
		"the hard end is past":                              {accountEnds{hard: in(-1)}, providerForecast{Within90: 1, Within30: 1, Within7: 1, Now: 1}, true},
		"the provider takes no token":                       {accountEnds{needsConsent: true}, providerForecast{Within90: 1, Within30: 1, Within7: 1, Now: 1}, true},
		"the provider takes no token, whatever an end says": {accountEnds{needsConsent: true, hard: in(200)}, providerForecast{Within90: 1, Within30: 1, Within7: 1, Now: 1}, true},
		"paused, ends without refreshes":                    {accountEnds{stopped: true, idle: in(6), hard: in(200)}, providerForecast{Within90: 1, Within30: 1, Within7: 1}, true},
		"paused, hard end first":                            {accountEnds{stopped: true, idle: in(60), hard: in(6)}, providerForecast{Within90: 1, Within30: 1, Within7: 1}, true},
		"paused, nothing known":                             {accountEnds{stopped: true}, providerForecast{Unknown: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.account.account, c.account.provider, c.want.Provider = "will", "fitbit", "fitbit"
			f := forecastOf([]accountEnds{c.account}, now, 30*day)
			require.Equal(t, []providerForecast{c.want}, f.Providers)
			require.Equal(t, c.due, len(f.Consents) == 1)
		})
	}
}

func TestTheFirstToConsentIsListedFirst(t *testing.T) {
	now := time.Now()
	f := forecastOf([]accountEnds{
		{account: "c", provider: "xero", hard: now.Add(2 * day)}, {account: "b", provider: "fitbit", hard: now.Add(day)},
		{account: "a", provider: "xero", needsConsent: true}, {account: "d", provider: "oura", hard: now.Add(40 * day)},
	}, now, 30*day)
	require.Len(t, f.Consents, 3)
	require.Equal(t, []string{"a", "b", "c"}, []string{f.Consents[0].Account, f.Consents[1].Account, f.Consents[2].Account})
	require.Zero(t, f.Consents[0].ConsentEnds)
	require.Equal(t, 4, f.Accounts)
}

// TokenConsentEnds is the earlier of two ends, and only one of them is kept away by refreshes.
func TestTheEndInTheSearchAttributeIsTheOneThatTheProviderHas(t *testing.T) {
	end := time.Date(2026, 12, 26, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		p                   provider.Provider
		hard, idle, certain bool
	}{
		"hard only":                  {provider.Provider{GrantLife: 180 * day}, true, false, true},
		"hard, stated by the answer": {provider.Provider{GrantLifetimeField: "grant_expires_in"}, true, false, true},
		"idle only":                  {provider.Provider{GrantIdle: 60 * day}, false, true, true},
		"idle, stated by the answer": {provider.Provider{RefreshLifetimeField: "refresh_token_expires_in"}, false, true, true},
		"both":                       {provider.Provider{GrantIdle: 60 * day, GrantLife: 365 * day}, false, false, false},
		"not in the table":           {provider.Provider{}, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			hard, idle, certain := splitEnd(end, c.p)
			require.Equal(t, c.certain, certain)
			require.Equal(t, c.hard, hard.Equal(end))
			require.Equal(t, c.idle, idle.Equal(end))
			_, _, certain = splitEnd(time.Time{}, c.p)
			require.True(t, certain, "no end is known")
		})
	}
}

func TestWithinIsInDaysOrHours(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 30 * day, "12h": 12 * time.Hour, "90m": 90 * time.Minute} {
		got, err := parseDays(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "d", "0d", "-1d", "1.5d", "99999d", "30", "soon", "-2h"} {
		_, err := parseDays(text)
		require.ErrorContains(t, err, "such as 30d or 12h", text)
	}
}
