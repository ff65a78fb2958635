package main_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/demo/browser"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv/secretscan"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// Every token that the provider issues begins like this, those that no test
// ever gets to see as well.
const tokenCanary = "canary-token-7h3x-"

const clientCanary = "canary-client-secret-9k2v"

func TestNoSecretIsEverWrittenDown(t *testing.T) {
	s := start(t, authserver.Options{
		TokenPrefix: tokenCanary,
		Client:      authserver.Client{ID: "CANARY", Secret: token.NewSecret(clientCanary)},
	})
	require.NoError(t, s.StartCron(t.Context()))
	runs := []string{
		refresh(t, s, string(workflows.Refreshed), func() {}),
		refresh(t, s, string(workflows.Refreshed), func() {
			breakProvider(t, s, authserver.Fault{Commit: true, Answer: authserver.Truncated})
			breakProvider(t, s, authserver.Fault{Commit: true, Answer: authserver.Reset})
			s.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpSet, Times: 2})
		}),
		refresh(t, s, workflows.ReauthorizationRequired, func() { require.NoError(t, s.Revoke(t.Context(), system.Account.Name)) }),
		refresh(t, s, activities.InvalidClient, func() {
			require.NoError(t, s.CreateAccount(system.Account.Name))
			breakProvider(t, s, authserver.Fault{Answer: authserver.InvalidClient}) // echoes the credentials
		}),
	}
	secrets := secretsOf(t, s)

	t.Run("files", func(t *testing.T) {
		written := files(t, s.Dir())
		requireNone(t, secrets, written)
		requireSome(t, workflows.ID(system.Account), written["temporal.db"]+written["temporal.db-wal"])
		requireSome(t, system.Account.String(), written["worker.log"])
	})
	t.Run("metrics", func(t *testing.T) {
		metrics := fetch(t, s.Workers()[0].HTTP+"/metrics")
		requireNone(t, secrets, map[string]string{"metrics": metrics})
		requireSome(t, "tokenkeeper_first_copy", metrics)
	})
	t.Run("API", func(t *testing.T) {
		list := s.Temporal.WebUI() + "/api/v1/namespaces/default/workflows"
		one := list + "/" + workflows.ID(system.Account)
		written := map[string]string{"list": fetch(t, list)}
		for _, id := range runs {
			written["run "+id] = fetch(t, one+"?execution.runId="+id)
			written["history of "+id] = fetch(t, one+"/history?execution.runId="+id)
		}
		requireNone(t, secrets, written)
		requireSome(t, `"provider":"fitbit"`, written["history of "+runs[0]])
	})
	t.Run("Web UI", func(t *testing.T) {
		window := browser.ForTest(t)
		written := map[string]string{}
		for _, id := range runs {
			// Each with a word that is there only when the page is complete.
			for tab, word := range map[string]string{"history": "LoadSecrets", "user-metadata": "fitbit/default"} {
				page, err := window.Read(s.PageURL()+"/"+id+"/"+tab, word)
				require.NoError(t, err)
				written[tab+" of "+id] = page.HTML
			}
		}
		requireNone(t, secrets, written)
		requireSome(t, "spend generation 0", written["history of "+runs[0]])
	})
	t.Run("the search finds what is there", func(t *testing.T) {
		var held []string
		for _, name := range []string{"RefreshToken", "AccessToken", "FitbitCredentials", "TokenKeeperKeyset"} {
			for _, v := range s.Vault.Versions(name) {
				held = append(held, v.Value)
			}
		}
		for _, secret := range secrets {
			requireSome(t, secret, strings.Join(held, "\n"))
		}
	})
}

// refresh breaks something, refreshes, and insists on how that ends.
func refresh(t *testing.T, s *system.System, outcome string, breakSomething func()) (runID string) {
	t.Helper()
	breakSomething()
	runID, err := s.RefreshNow(t.Context())
	require.NoError(t, err)
	run, err := s.Await(t.Context(), runID)
	require.NoError(t, err)
	if outcome == string(workflows.Refreshed) {
		require.True(t, run.Refreshed(), run.Outcome) // on a slow machine it may be recovered
		return runID
	}
	require.Equal(t, outcome, run.Outcome)
	return runID
}

func breakProvider(t *testing.T, s *system.System, f authserver.Fault) {
	t.Helper()
	f.Endpoint = authserver.Token
	require.NoError(t, s.Provider.Inject(f))
}

// secretsOf are what must be found nowhere: what begins every token, the
// client's secret, and the keys that seal.
func secretsOf(t *testing.T, s *system.System) []string {
	t.Helper()
	secrets := []string{tokenCanary, clientCanary}
	for _, keyset := range s.Vault.Versions("TokenKeeperKeyset") {
		for _, found := range regexp.MustCompile(`"value": *"([^"]+)"`).FindAllStringSubmatch(keyset.Value, -1) {
			key, err := base64.StdEncoding.DecodeString(found[1])
			require.NoError(t, err)
			secrets = append(secrets, string(key))
		}
	}
	require.Greater(t, len(secrets), 2, "no key in the keyset")
	return secrets
}

func requireNone(t *testing.T, secrets []string, written map[string]string) {
	t.Helper()
	for place, content := range written {
		for i, secret := range secrets {
			require.Empty(t, secretscan.Find([]byte(content), secret), "secret %d is in %s", i, place)
		}
	}
}

// requireSome shows that a place was really read: something is there that has
// to be.
func requireSome(t *testing.T, word, content string) {
	t.Helper()
	require.NotEmpty(t, secretscan.Find([]byte(content), word), "what was searched is not what was written")
}

// files are the contents of a folder by name, without the worker's program.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	contents := map[string]string{}
	for _, entry := range entries {
		if entry.Name() == "worker" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		contents[entry.Name()] = string(content)
	}
	require.Contains(t, contents, "temporal.db")
	require.Contains(t, contents, "temporal.log")
	require.Contains(t, contents, "worker.log")
	return contents
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, http.StatusOK, answer.StatusCode, url)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}
