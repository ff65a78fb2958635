package main_test

import (
	"strconv"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// account is one account of a system, by a name that no other row uses: rows
// share a server, and runs are found by account.
type account struct {
	*system
	at         issuer
	name, user string
}

// issuer is the provider of an account.
type issuer struct {
	name, title string
	prefix      string // of the names of its tokens in the vault
	// consents gives the refresh token of a new consent.
	consents func(user string) (refreshToken string)
	// takes reports whether a refresh token is in force.
	takes func(refreshToken string) bool
}

// consent has a new user consent at the simulator of Fitbit, and puts the refresh
// token into the vault by hand.
func (s *system) consent() account {
	s.t.Helper()
	return s.consentOf(unique("row"), s.fitbit())
}

// consentAt does the same at any provider.
func (s *system) consentAt(at issuer) account {
	s.t.Helper()
	return s.consentOf(unique("row"), at)
}

// fitbit is the simulator of Fitbit.
func (s *system) fitbit() issuer {
	return issuer{
		name: "fitbit", title: "Fitbit", takes: s.Provider.IsLive,
		consents: func(user string) string {
			refreshToken, _ := s.Provider.CreateGrant(user)
			return refreshToken
		},
	}
}

// consentOf does the same for an account whose name the row has chosen.
func (s *system) consentOf(name string, at issuer) account {
	s.t.Helper()
	a := account{s, at, name, testenv.UserOf(name)}
	a.put(at.consents(a.user))
	return a
}

// put stores a refresh token by hand, as operators do after a consent.
func (a account) put(refreshToken string) {
	a.t.Helper()
	_, err := a.Vault.Put(a.secret("RefreshToken"), refreshToken)
	require.NoError(a.t, err)
}

// consentMeeting is a consent whose calls meet these faults, one after the other.
func (s *system) consentMeeting(faults ...authserver.Fault) account {
	s.t.Helper()
	a := s.consent()
	for _, f := range faults {
		f.Endpoint, f.User = authserver.Token, a.user
		require.NoError(s.t, s.Provider.Inject(f))
	}
	return a
}

// secret is the vault's name for the account's secret of the given kind.
func (a account) secret(kind string) string { return a.at.prefix + testenv.SecretName(a.name, kind) }

func (a account) workflowID() string { return "refresh-" + a.name }

// refresh starts a run; changes may make a cron of it, or give it another id.
func (a account) refresh(changes ...func(*client.StartWorkflowOptions)) run {
	a.t.Helper()
	return a.start(workflows.Input{Account: a.name, Provider: a.at.name}, changes...)
}

// start starts a run with any input.
func (a account) start(in workflows.Input, changes ...func(*client.StartWorkflowOptions)) run {
	a.t.Helper()
	o := client.StartWorkflowOptions{ID: a.workflowID(), TaskQueue: a.TaskQueue()}
	for _, change := range changes {
		change(&o)
	}
	started, err := a.temporal.ExecuteWorkflow(a.t.Context(), o, workflows.Type, in)
	require.NoError(a.t, err)
	return run{a, o.ID, started.GetRunID()}
}

// secretVersion is a version of a secret without its value, so that no failing
// assertion prints one.
type secretVersion struct {
	ID          string
	Fingerprint string
	Tags        map[string]string
	Enabled     bool
}

func (a account) refreshVersions() []secretVersion { return a.versions("RefreshToken") }

func (a account) accessVersions() []secretVersion { return a.versions("AccessToken") }

// versions are those of a secret. A load that proves to a worker that the vault takes new
// versions writes the current refresh token again, with the intent record on it: that is
// the same version here.
func (a account) versions(kind string) []secretVersion {
	var all []secretVersion
	for _, v := range a.Vault.Versions(a.secret(kind)) {
		next := secretVersion{v.ID, fingerprint(v.Value), v.Tags, v.Enabled}
		if last := len(all) - 1; last >= 0 && all[last].Fingerprint == next.Fingerprint && v.Tags["refresh-run-id"] != "" {
			all[last] = next
			continue
		}
		all = append(all, next)
	}
	return all
}

func fingerprint(value string) string { return string(token.NewSecret(value).Fingerprint()) }

// outcomes is the outcome of each refresh token that was presented, in order.
func (a account) outcomes() []grant.Outcome {
	var all []grant.Outcome
	for _, e := range a.Provider.Events(a.user) {
		all = append(all, e.Outcome)
	}
	return all
}

// calls counts the requests at the token endpoint, answered or not.
func (a account) calls() int { return a.Provider.Stats().Users[a.user].Calls[authserver.Token] }

// held waits until the provider keeps an answer for this account back.
func (a account) held() {
	a.t.Helper()
	a.eventually("the provider holds an answer back", func() bool { return a.Provider.Held(a.user) == 1 })
}

// release lets an answer go that is kept back. A worker waits for it for twelve
// seconds.
func (a account) release() {
	a.t.Helper()
	require.True(a.t, a.released(), "the request that was held is gone")
}

func (a account) released() bool { return a.Provider.Release(a.user) == 1 }

// refreshHeld starts a run and waits until the provider has spent the refresh
// token and keeps the answer back; release lets it go.
func (a account) refreshHeld(changes ...func(*client.StartWorkflowOptions)) run {
	a.t.Helper()
	require.NoError(a.t, a.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: a.user, Hold: true}))
	before := a.calls()
	r := a.refresh(changes...)
	a.eventually("the provider holds an answer back", func() bool {
		// Or the worker has given it up while this process stood still: there is nothing to release.
		return a.Provider.Held(a.user) == 1 || a.calls() >= before+2
	})
	return r
}

// refreshUnstored starts a run and waits until its pair is in its history and the
// vault, which takes no new versions until its faults are cleared, has not taken it. It is
// an outage: after a refusal the next load would have to prove that new versions are taken.
func (a account) refreshUnstored() run {
	a.t.Helper()
	r := a.refreshHeld()
	a.Vault.Inject(keyvault.Fault{Kind: keyvault.Unavailable, Operation: keyvault.OpSet})
	a.release()
	r.retries("StoreSecrets", 2)
	return r
}

// unstored brings a run to where its pair is in its history and nowhere else, and
// no worker is left.
func (a account) unstored() run {
	a.t.Helper()
	doomed := a.work()
	r := a.refreshUnstored()
	doomed.Kill()
	a.Vault.ClearFaults()
	require.Len(a.t, a.refreshVersions(), 1)
	return r
}

// overtaken starts a run that reads the grant, and has something happen before it
// leaves its intent record, which takes the vault so long. It reports whether that
// was long enough. The worker is one that has written before; see workProven.
func (a account) overtaken(slow time.Duration, meanwhile func()) (late run, inTime bool) {
	a.t.Helper()
	secret := a.secret("RefreshToken")
	a.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpUpdate, Name: secret, Times: 1, DelayBefore: slow})
	late = a.refresh()
	a.eventually("the first run has read the refresh token", func() bool { return a.vaultCalls(secret, keyvault.OpUpdate) == 1 })
	meanwhile()
	return late, len(late.attempts("LoadSecrets")) == 1 // the peek, which leaves no record
}

// stored waits until the pair of the first refresh is in the vault.
func (a account) stored() {
	a.t.Helper()
	a.eventually("the pair is in the vault", func() bool { return len(a.accessVersions()) == 1 })
	a.nothingLost(1)
}

// nothingLost asserts that the vault holds the provider's live refresh token as
// the given generation and the access token of the same pair on top, and that
// every generation since 0 has one version: a consent, or the child of the one
// before.
func (a account) nothingLost(generation int) {
	a.t.Helper()
	a.holdsLive()
	versions := a.refreshVersions()
	require.Len(a.t, versions, generation+1, "versions of the refresh token")
	issued := 0
	for g, v := range versions {
		require.Equal(a.t, strconv.Itoa(g), v.Tags["generation"], "version %d of the refresh token", g)
		require.Equal(a.t, v.Fingerprint, v.Tags["fingerprint"], "generation %d", g)
		require.True(a.t, v.Enabled, "generation %d", g)
		if v.Tags["consent"] != v.Fingerprint {
			require.Equal(a.t, versions[g-1].Fingerprint, v.Tags["parent"], "generation %d", g)
			issued++
		}
	}
	access := a.accessVersions()
	require.Len(a.t, access, issued, "versions of the access token")
	require.Equal(a.t, strconv.Itoa(generation), access[issued-1].Tags["generation"], "the current access token")
}

// holdsLive asserts that the vault's current refresh token is the provider's live one.
func (a account) holdsLive() {
	a.t.Helper()
	held := a.Vault.Versions(a.secret("RefreshToken"))
	require.True(a.t, a.at.takes(held[len(held)-1].Value), "the vault's current refresh token is not the provider's live one")
}

// untouched asserts that the vault's refresh token is still the given value and
// has no version but those of the given number of generations.
func (a account) untouched(value string, versions int) {
	a.t.Helper()
	held := a.refreshVersions()
	require.Len(a.t, held, versions, "versions of the refresh token")
	require.Equal(a.t, fingerprint(value), held[versions-1].Fingerprint, "the current refresh token")
	require.True(a.t, held[versions-1].Enabled, "the current refresh token")
}
