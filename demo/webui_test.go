package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/browser"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv/secretscan"
	"tokenkeeper/internal/testenv/temporal"
)

func TestTheWebUITellsOfARunInWords(t *testing.T) {
	window := browser.ForTest(t)
	s := start(t, authserver.Options{})
	require.NoError(t, s.StartCron(t.Context()))
	id, err := s.RefreshNow(t.Context())
	require.NoError(t, err)
	run, err := s.Await(t.Context(), id)
	require.NoError(t, err)
	require.True(t, run.Refreshed(), run.Outcome) // on a slow machine it may be recovered
	page := s.PageURL() + "/" + id

	history, err := window.Read(page+"/history", "Completed", "fitbit-token-refresh",
		`"account": "default"`, `"outcome": "`+run.Outcome+`"`, `"generation": 1`,
		"CallFitbit • spend generation 0 (", "StoreSecrets • write generation 1 of fitbit/default, the refresh token first")
	require.NoError(t, err)
	words, err := window.Read(page+"/user-metadata", "Keep the tokens of fitbit/default alive",
		"Generation 1 of fitbit/default is in the vault ("+run.Outcome+").",
		"The access token is good until "+run.Expiry.UTC().Format("2006-01-02 15:04:05 MST")+", for ")
	require.NoError(t, err)

	for _, secret := range s.Vault.Versions("RefreshToken") {
		require.Empty(t, secretscan.Find([]byte(history.HTML+words.HTML), secret.Value))
	}
}

// start runs a system that ends with the test.
func start(t *testing.T, provider authserver.Options) *system.System {
	t.Helper()
	s, err := system.Start(t.Context(), system.Options{
		CLI: temporal.ForTest(t), Keep: t.TempDir(), Cron: "@every 1h", Provider: provider, Progress: t.Output(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}
