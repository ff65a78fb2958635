//go:build record

package main_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// cancelledPaths end as cancelled.
var cancelledPaths = []recording{
	{"cancelled-at-load", authserver.Options{}, func(p path) {
		p.work()
		p.Vault.Inject(keyvault.Fault{Kind: keyvault.ReadOnly})
		r := p.refresh()
		r.retries("LoadSecrets", 2)
		r.cancel()
		p.fails(r, workflows.Cancelled)
	}},
	{"cancelled-while-it-waits-for-another-run", unforgiving, func(p path) {
		p.work()
		first := p.refreshHeld()
		second := p.refresh(otherID)
		second.completed("RecoverGrant")
		second.cancel()
		p.fails(second, workflows.Cancelled)
		p.release()
		first.result()
	}},
	{"cancelled-at-call", noReplay, func(p path) {
		p.work()
		r := p.refreshHeld()
		r.cancel()
		p.release()
		p.fails(r, workflows.Cancelled)
	}},
	{"cancelled-at-call-and-given-up", noReplay, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Status, Status: 503, Times: authserver.EveryTime}))
		r := p.refresh()
		r.retries("CallFitbit", 2)
		r.cancel()
		p.fails(r, workflows.Cancelled)
	}},
	{"cancelled-at-call-and-needs-consent", noReplay, func(p path) {
		p.work()
		p.Provider.CreateGrant(p.user) // the user consented elsewhere
		r := p.refreshHeld()
		r.cancel()
		p.release()
		p.fails(r, workflows.Cancelled)
	}},
	{"cancelled-at-store", authserver.Options{}, func(p path) {
		p.work()
		r := p.refreshUnstored()
		r.cancel()
		p.Vault.ClearFaults()
		p.fails(r, workflows.Cancelled)
	}},
}

// failedPaths end with what an operator has to mend.
var failedPaths = []recording{
	{"needs-consent", authserver.Options{}, func(p path) {
		p.work()
		p.Provider.CreateGrant(p.user) // the user consented elsewhere
		first := p.refresh(everyFewSeconds)
		second := first.next()
		require.Equal(p.t, workflows.ReauthorizationRequired, second.failure().Type)
		p.record(first)
		p.recordAs("needs-consent-still", second)
		p.put(p.consentAgain())
		healed := second
		p.eventually("the cron is green again", func() bool {
			healed = healed.next()
			return healed.wait().Failure == nil
		})
		p.recordAs("refreshed-after-consent", healed)
		healed.drop()
	}},
	{"fails-with-invalid-input", authserver.Options{}, func(p path) {
		p.work()
		p.fails(p.start(workflows.Input{Account: "Nobody can have this name"}), activities.InvalidInput)
	}},
	{"fails-with-missing-secret", authserver.Options{}, func(p path) {
		p.work()
		p.fails(p.start(workflows.Input{Account: "nobody"}), activities.MissingSecret)
	}},
	{"fails-with-malformed-secret", authserver.Options{}, func(p path) {
		p.work()
		p.put("the password of the coffee machine")
		p.fails(p.refresh(), activities.MalformedSecret)
	}},
	{"fails-with-foreign-secret", authserver.Options{}, func(p path) {
		p.work()
		p.refresh().result()
		name := p.secret("RefreshToken")
		versions := p.Vault.Versions(name)
		current := versions[len(versions)-1]
		tags := maps.Clone(current.Tags)
		tags["provider"] = "google-health"
		_, err := p.secrets().Set(p.t.Context(), name, token.NewSecret(current.Value), vault.Properties{Tags: tags})
		require.NoError(p.t, err)
		p.fails(p.refresh(), activities.ForeignSecret)
	}},
	{"fails-with-keyset-unusable", authserver.Options{}, func(p path) {
		p.work()
		read := time.Now()
		require.NoError(p.t, p.Vault.SetEnabled(seal.SecretName, p.Vault.Versions(seal.SecretName)[0].ID, false))
		_, err := p.Vault.Put(seal.SecretName, "a keyset no more")
		require.NoError(p.t, err)
		p.eventually("the worker's copy is too old", func() bool { return time.Since(read) > seal.CacheLife })
		p.fails(p.refresh(), activities.KeysetUnusable)
	}},
	{"fails-with-invalid-client", authserver.Options{}, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.InvalidClient}))
		p.fails(p.refresh(), activities.InvalidClient)
	}},
	{"fails-with-provider-retired", authserver.Options{}, func(p path) {
		p.work()
		p.Provider.Retire()
		p.fails(p.refresh(), activities.ProviderRetired)
	}},
	{"fails-with-probably-dead", authserver.Options{}, func(p path) {
		// The simulator never finds fault with what the product sends.
		captious := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"errors":[{"errorType":"invalid_request","message":"no"}],"success":false}`)
		}))
		defer captious.Close()
		providers := filepath.Join(p.t.TempDir(), "providers.yaml")
		require.NoError(p.t, os.WriteFile(providers, []byte("providers:\n  fitbit:\n    token_url: "+captious.URL+"\n"), 0o600))
		p.work("TOKENKEEPER_PROVIDERS=" + providers)
		p.fails(p.refresh(), workflows.ReauthorizationRequired)
	}},
	{"fails-with-wrong-user", authserver.Options{}, func(p path) {
		p.work()
		p.refresh().result() // from here on the vault knows whose tokens they are
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.WrongUser}))
		p.fails(p.refresh(), workflows.WrongUser)
	}},
	{"fails-at-the-ladder", noReplay, func(p path) {
		p.work()
		p.Provider.CreateGrant(p.user) // the user consented elsewhere
		r := p.refreshHeld()
		p.claim(1)
		versions := p.Vault.Versions(p.secret("RefreshToken"))
		require.NoError(p.t, p.Vault.SetEnabled(p.secret("RefreshToken"), versions[len(versions)-1].ID, false))
		p.release()
		p.fails(r, activities.MissingSecret) // its successor is there, and disabled
	}},
	{"fails-with-unexpected-result", authserver.Options{}, func(p path) {
		p.work()
		r := p.refreshHeld()
		p.byHand(r, "CallFitbit", "complete", "--result", "{}")
		p.fails(r, activities.UnexpectedResult)
		p.release()
	}},
	{"needs-consent-after-a-lost-answer", unforgiving, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Truncated}))
		p.fails(p.refresh(), workflows.ReauthorizationRequired)
	}},
	{"fails-with-generation-conflict", authserver.Options{}, func(p path) {
		p.work()
		r := p.refreshHeld()
		p.claim(1) // some other program does not keep to the protocol
		p.release()
		p.fails(r, activities.GenerationConflict)
	}},
}

// recoveries look for what an earlier run has lost, and spend nothing.
var recoveries = []recording{
	{"recovery-of-what-was-never-spent", authserver.Options{}, func(p path) {
		p.work()
		p.recovers(workflows.Untouched)
	}},
	{"recovery-that-finds-nothing", authserver.Options{}, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.InvalidClient}))
		require.Equal(p.t, activities.InvalidClient, p.refresh().failure().Type)
		p.recovers(workflows.Unchanged)
	}},
	{"recovery-from-a-history", unforgiving, func(p path) {
		p.unstored().terminate()
		p.work()
		p.recovers(workflows.Recovered)
	}},
	{"recovery-from-the-vault", authserver.Options{}, func(p path) {
		p.work()
		first := p.refreshHeld()
		r := p.start(workflows.Input{Account: p.name, Recover: true, From: []string{first.id}}, otherID)
		r.completed("RecoverGrant") // and has found nothing
		p.release()
		p.ends(r, workflows.Recovered)
	}},
	{"recovery-that-fails", authserver.Options{}, func(p path) {
		p.work()
		p.fails(p.start(workflows.Input{Account: "nobody", Recover: true}), activities.MissingSecret)
	}},
	{"recovery-that-is-cancelled", authserver.Options{}, func(p path) {
		p.work()
		p.Vault.Inject(keyvault.Fault{Kind: keyvault.Unavailable})
		r := p.start(workflows.Input{Account: p.name, Recover: true})
		r.retries("ReadGrant", 2)
		r.cancel()
		p.fails(r, workflows.Cancelled)
	}},
}

// recovers runs a recovery, which must have an outcome, and records it.
func (p path) recovers(o workflows.Outcome) {
	p.t.Helper()
	p.ends(p.start(workflows.Input{Account: p.name, Recover: true, From: []string{p.workflowID()}}, otherID), o)
}
