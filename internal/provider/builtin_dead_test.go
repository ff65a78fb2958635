package provider_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

// TestEachBuiltinProviderSaysDeadInItsOwnWords gives each built-in row the answer of its
// provider to a refresh token that is spent, revoked or expired, as its reference or
// public reports have it.
func TestEachBuiltinProviderSaysDeadInItsOwnWords(t *testing.T) {
	rfc := `{"error":"invalid_grant","error_description":"` + echoed + `"}`
	own := map[string]struct {
		status int
		body   string
	}{
		"atlassian":     {403, `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`},
		"box":           {400, `{"error":"invalid_grant","error_description":"Refresh token has expired"}`},
		"calendly":      {400, rfc},
		"canva":         {400, rfc},
		"docusign":      {400, rfc},
		"dropbox":       {400, rfc},
		"fitbit":        {400, fitbitError("invalid_grant", "Refresh token invalid: "+echoed+".")},
		"github":        {200, `{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired.","error_uri":"https://docs.github.com/apps"}`},
		"gitlab":        {400, rfc},
		"google-health": {400, deadBody},
		"hubspot":       {400, rfc},
		"linear":        {400, rfc},
		"microsoft":     {400, `{"error":"interaction_required","error_description":"AADSTS50076: ` + echoed + `","error_codes":[50076],"suberror":"basic_action"}`},
		"oura":          {400, `{"status":400,"title":"Token already used or revoked","error":"invalid_grant","error_description":"` + echoed + `"}`},
		"quickbooks":    {400, `{"error":"invalid_grant"}`},
		"salesforce":    {400, `{"error":"invalid_grant","error_description":"expired access/refresh token"}`},
		"shopify":       {400, rfc},
		"slack":         {200, `{"ok":false,"error":"invalid_refresh_token"}`},
		"spotify":       {400, `{"error":"invalid_grant","error_description":"Refresh token revoked"}`},
		"strava":        {400, stravaError("RefreshToken", "refresh_token")},
		"wahoo":         {400, rfc},
		"whoop":         {400, rfc},
		"withings":      {200, withingsError(503, "Invalid Params: invalid refresh_token "+echoed)},
		"x":             {400, `{"error":"invalid_request","error_description":"Value passed for the token was invalid."}`},
		"xero":          {400, `{"error":"invalid_grant"}`},
		"zoom":          {400, `{"reason":"Invalid Token!","error":"invalid_grant"}`},
	}
	for _, p := range provider.Builtin().Providers() {
		t.Run(p.Name, func(t *testing.T) {
			said, ok := own[p.Name]
			require.True(t, ok, "a row without its own dead answer")
			pair, failure := provider.Classify(p, answer(said.status, said.body))
			require.Zero(t, pair)
			require.NotNil(t, failure)
			require.Equal(t, provider.InvalidGrant, failure.Kind)
			require.Contains(t, failure.Error(), "have the account owner consent again at "+p.Title)
			require.NotContains(t, failure.Error(), echoed)

			// A gateway that is down may repeat the same words.
			_, failure = provider.Classify(p, answer(503, said.body))
			require.NotNil(t, failure)
			require.Equal(t, provider.Unavailable, failure.Kind)
		})
	}
}

// Some say it in more than one way.
func TestSomeBuiltinProvidersSayDeadInFurtherWords(t *testing.T) {
	for _, tc := range []struct {
		provider string
		status   int
		body     string
	}{
		{"gitlab", 401, `{"error":"invalid_grant"}`},
		{"hubspot", 400, `{"error":"invalid_request","error_description":"` + echoed + `","status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"}`},
		{"hubspot", 400, `{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token","correlationId":"fake"}`},
		{"microsoft", 400, `{"error":"invalid_grant","error_description":"AADSTS70008: expired","error_codes":[70008]}`},
		{"oura", 400, `{"error":"invalid_request","error_description":"Token already used or revoked","title":"invalid_request","detail":"Token already used or revoked"}`},
		{"slack", 400, `{"ok":false,"error":"invalid_refresh_token"}`},
		{"github", 400, `{"error":"bad_refresh_token"}`},
		{"zoom", 401, `{"reason":"Invalid Token!","error":"invalid_request"}`},
	} {
		_, failure := provider.Classify(lookup(t, tc.provider), answer(tc.status, tc.body))
		require.NotNil(t, failure)
		require.Equal(t, provider.InvalidGrant, failure.Kind, "%s: %s", tc.provider, tc.body)
		require.NotContains(t, failure.Error(), echoed)
	}
	// Oura's other portal says the same code to every client of the new one.
	_, failure := provider.Classify(lookup(t, "oura"), answer(400, `{"error":"invalid_request","error_description":"Invalid request"}`))
	require.Equal(t, provider.RequestRejected, failure.Kind)
	require.True(t, failure.MayBeDead)
}

// The words of one provider mean nothing at the others.
func TestNoBuiltinRowTakesAnothersWordForADeadGrant(t *testing.T) {
	for _, p := range provider.Builtin().Providers() {
		for word, its := range map[string]string{
			"bad_refresh_token": "github", "invalid_refresh_token": "slack", "interaction_required": "microsoft", "invalid_request": "x",
		} {
			if p.Name == its || p.Dialect == provider.FitbitErrors || p.Dialect == provider.WithingsEnvelope {
				continue
			}
			_, failure := provider.Classify(p, answer(400, `{"error":"`+word+`"}`))
			require.NotNil(t, failure, "%s: %s", p.Name, word)
			require.NotEqual(t, provider.InvalidGrant, failure.Kind, "%s: %s", p.Name, word)
			require.True(t, failure.MayBeDead, "%s: %s", p.Name, word)
		}
	}
}

// Each answer of success is its provider's documented one, but for the tokens.
func TestEachAddedProvidersSuccessIsAPair(t *testing.T) {
	const tokens = `"access_token":"fake-access-token-2","refresh_token":"fake-refresh-token-2"`
	for name, tc := range map[string]struct {
		body   string
		life   time.Duration
		lapses time.Duration // of the refresh token unless it is refreshed; zero for unknown
	}{
		"atlassian":  {`{` + tokens + `,"expires_in":3600,"scope":"read:me offline_access","token_type":"Bearer"}`, time.Hour, 90 * day},
		"github":     {`{` + tokens + `,"expires_in":28800,"refresh_token_expires_in":15897600,"scope":"","token_type":"bearer"}`, 8 * time.Hour, 15897600 * time.Second},
		"gitlab":     {`{` + tokens + `,"token_type":"bearer","expires_in":7200,"created_at":1628711391}`, 2 * time.Hour, 0},
		"quickbooks": {`{` + tokens + `,"x_refresh_token_expires_in":8000000,"expires_in":3600,"token_type":"bearer"}`, time.Hour, 8000000 * time.Second},
		"shopify":    {`{` + tokens + `,"expires_in":3600,"refresh_token_expires_in":7700000,"scope":"read_orders"}`, time.Hour, 7700000 * time.Second},
		"slack":      {`{"ok":true,` + tokens + `,"expires_in":43200,"token_type":"bot","scope":"users:read","bot_user_id":"U0","app_id":"A0","team":{"name":"t","id":"T0"},"authed_user":{"id":"U1"}}`, 12 * time.Hour, 0},
		"zoom":       {`{` + tokens + `,"token_type":"bearer","expires_in":3599,"scope":"user:read:user","api_url":"https://api.zoom.us"}`, 3599 * time.Second, 90 * day},
	} {
		t.Run(name, func(t *testing.T) {
			pair, failure := provider.Classify(lookup(t, name), answer(200, tc.body))
			require.Nil(t, failure)
			require.Equal(t, "fake-access-token-2", pair.AccessToken.Reveal())
			require.Equal(t, "fake-refresh-token-2", pair.RefreshToken.Reveal())
			require.Equal(t, readAt.Add(tc.life), pair.Expiry)
			if tc.lapses == 0 {
				require.Zero(t, pair.RefreshEnds)
			} else {
				require.Equal(t, readAt.Add(tc.lapses), pair.RefreshEnds)
			}
		})
	}
}
