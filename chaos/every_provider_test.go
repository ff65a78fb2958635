package main_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// TestEveryProviderOfTheTable runs each provider of the product's table against the
// simulator's own idea of it.
func TestEveryProviderOfTheTable(t *testing.T) {
	for _, p := range provider.Builtin().Providers() {
		t.Run(p.Name, func(t *testing.T) {
			k := newKeptAt(t, p)
			k.work()
			k.refreshesTwice()
			k.meetsALostAnswer()
			k.waitsARateLimitOut()
			k.failsAtARefusedClient()
			k.failsAtARevokedGrant()
			k.failsAtTheEnd()
		})
	}
}

// keptAt is a system whose one provider is p. Its clock is the simulator's, and
// the rows move it.
type keptAt struct {
	*system
	p     provider.Provider
	ahead *atomic.Int64 // nanoseconds
}

func newKeptAt(t *testing.T, p provider.Provider) keptAt {
	t.Helper()
	imitated, err := authserver.ProviderOf(p.Name)
	require.NoError(t, err)
	ahead := &atomic.Int64{}
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	return keptAt{newSystem(t, testenv.Options{Provider: authserver.Options{Provider: imitated, Now: now}}), p, ahead}
}

// consent has a new user consent.
func (k keptAt) consent() account {
	k.t.Helper()
	prefix := k.p.VaultPrefix()
	if prefix != "" {
		prefix += "-"
	}
	at := k.fitbit()
	at.name, at.title, at.prefix = k.p.Name, k.p.Title, prefix
	return k.consentAt(at)
}

// accessEnds lets every access token issued so far expire.
func (k keptAt) accessEnds() { k.ahead.Add(int64(k.p.AccessTokenLifetime)) }

// inject strikes the account's next request at the token endpoint.
func (k keptAt) inject(a account, f authserver.Fault) {
	k.t.Helper()
	f.Endpoint, f.User = authserver.Token, a.user
	require.NoError(k.t, k.Provider.Inject(f))
}

func (k keptAt) refreshesTwice() {
	a := k.consent()
	for range 2 {
		k.accessEnds()
		require.Equal(k.t, workflows.Refreshed, a.refresh().result().Outcome)
	}
	want := map[provider.Rotation]struct {
		outcomes []grant.Outcome
		versions int // of the refresh token: the consent's, and one of each rotation
	}{
		provider.SingleUse:  {[]grant.Outcome{grant.Rotated, grant.Rotated}, 3},
		provider.Sometimes:  {[]grant.Outcome{grant.Renewed, grant.Rotated}, 2},
		provider.NoRotation: {[]grant.Outcome{grant.Renewed, grant.Renewed}, 1},
	}[k.p.Rotation]
	require.Equal(k.t, want.outcomes, a.outcomes())
	require.Len(k.t, a.refreshVersions(), want.versions, "versions of the refresh token")
	require.Len(k.t, a.accessVersions(), 2, "versions of the access token")
	a.holdsLive()
}

// meetsALostAnswer: the request took effect and its answer never came. Where the
// refresh token rotates and nothing is repeated, the user must consent again.
func (k keptAt) meetsALostAnswer() {
	a := k.consent()
	if k.p.Rotation == provider.Sometimes {
		k.accessEnds()
		a.refresh().result() // keeps the refresh token, so that the next one does not
	}
	k.accessEnds()
	consented, lost := k.current(a), len(a.outcomes())
	k.inject(a, authserver.Fault{Answer: authserver.Reset, Commit: true})
	run := a.refresh()
	if k.p.Rotation != provider.NoRotation && k.p.ReplayWindow == 0 {
		failure := run.failure()
		require.Equal(k.t, workflows.ReauthorizationRequired, failure.Type)
		require.Equal(k.t, []grant.Outcome{grant.Rotated, grant.Reused}, a.outcomes()[lost:])
		a.untouched(consented, 1)
		return
	}
	require.Equal(k.t, workflows.Refreshed, run.result().Outcome)
	want := []grant.Outcome{grant.Rotated, grant.Replayed}
	if k.p.Rotation == provider.NoRotation {
		want = []grant.Outcome{grant.Renewed, grant.Renewed}
	}
	require.Equal(k.t, want, a.outcomes())
	a.holdsLive()
}

func (k keptAt) waitsARateLimitOut() {
	const wait = 3 * time.Second
	a := k.consent()
	k.accessEnds()
	k.inject(a, authserver.Fault{Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(wait)})
	run := a.refresh()
	require.Equal(k.t, workflows.Refreshed, run.result().Outcome)
	require.Equal(k.t, 2, a.calls())
	took := k.Provider.Events(a.user)[0].Time.Add(-time.Duration(k.ahead.Load())).Sub(run.scheduled(k.p.ActivityType()))
	require.GreaterOrEqual(k.t, took, wait)
	a.holdsLive()
}

func (k keptAt) failsAtARefusedClient() {
	a := k.consent()
	consented := k.current(a)
	k.inject(a, authserver.Fault{Answer: authserver.InvalidClient})
	failure := a.refresh().failure()
	require.Equal(k.t, activities.InvalidClient, failure.Type)
	require.Contains(k.t, failure.Message, k.p.CredentialsName())
	require.NotContains(k.t, failure.Message, secretPrefix)
	require.Equal(k.t, 1, a.calls())
	a.untouched(consented, 1)
}

func (k keptAt) failsAtARevokedGrant() {
	a := k.consent()
	consented := k.current(a)
	k.Provider.CreateGrant(a.user) // which ends the grant before
	failure := a.refresh().failure()
	require.Equal(k.t, workflows.ReauthorizationRequired, failure.Type)
	require.NotContains(k.t, failure.Message, secretPrefix)
	a.untouched(consented, 1)
}

// failsAtTheEnd comes last: nothing works afterwards.
func (k keptAt) failsAtTheEnd() {
	a := k.consent()
	consented := k.current(a)
	k.Provider.Retire()
	failure := a.refresh().failure()
	require.Equal(k.t, activities.ProviderRetired, failure.Type)
	require.Contains(k.t, failure.Message, k.p.Title+" has ended this API")
	if successor := k.p.Status.Successor; successor != "" {
		require.Contains(k.t, failure.Message, "provider "+successor)
	}
	require.Equal(k.t, 1, a.calls())
	a.untouched(consented, 1)
}

// current is the refresh token that the vault holds.
func (k keptAt) current(a account) string {
	versions := k.Vault.Versions(a.secret("RefreshToken"))
	return versions[len(versions)-1].Value
}
