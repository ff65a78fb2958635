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
// simulator's own idea of it: all of them at one worker, and at the same time.
func TestEveryProviderOfTheTable(t *testing.T) {
	everyone := newKeptAtAll(t, authserver.Options{})
	everyone[0].work()
	trials := make([]keptTrial, len(everyone))
	for i, k := range everyone {
		trials[i] = k.begin()
	}
	for i := range trials {
		trials[i].goOn()
	}
	for _, trial := range trials {
		t.Run(trial.p.Name, func(t *testing.T) { trial.on(t).check() })
	}
	// It comes last: nothing works afterwards.
	ends := make([]keptEnd, len(everyone))
	for i, k := range everyone {
		ends[i] = k.end()
	}
	for _, end := range ends {
		t.Run(end.p.Name+" has ended", func(t *testing.T) { end.on(t).check() })
	}
}

func TestEveryProviderOfTheTableIsSimulatedAndNoOther(t *testing.T) {
	var kept, simulated []string
	for _, p := range provider.Builtin().Providers() {
		kept = append(kept, p.Name)
	}
	for _, p := range authserver.Providers() {
		simulated = append(simulated, p.Name)
	}
	require.ElementsMatch(t, simulated, kept)
}

// keptAt is a system seen from one of its providers. Its clock is the simulator's, and
// the test moves it.
type keptAt struct {
	*system
	p     provider.Provider
	sim   authserver.Provider
	ahead *atomic.Int64 // nanoseconds
}

// newKeptAtAll is one system with all providers of the table, simulated with the given
// options.
func newKeptAtAll(t *testing.T, o authserver.Options) []keptAt {
	t.Helper()
	var everyone []keptAt
	var simulated []authserver.Options
	for _, p := range provider.Builtin().Providers() {
		imitated, err := authserver.ProviderOf(p.Name)
		require.NoError(t, err, "the table has a provider that is not simulated")
		ahead := &atomic.Int64{}
		o.Provider = imitated
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		simulated = append(simulated, o)
		everyone = append(everyone, keptAt{p: p, sim: imitated, ahead: ahead})
	}
	s := newSystem(t, testenv.Options{Provider: simulated[0], Others: simulated[1:]})
	for i, server := range append([]*authserver.Server{s.Provider}, s.Others...) {
		seen, err := s.At(server)
		require.NoError(t, err)
		everyone[i].system = &system{System: seen, t: t, temporal: s.temporal}
	}
	return everyone
}

// on is the same for a subtest.
func (k keptAt) on(t *testing.T) keptAt {
	seen := *k.system
	seen.t = t
	k.system = &seen
	return k
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

// stepOn moves the clock until a refresh changes something: every access token issued so
// far expires, and a refresh token that changes daily is due.
func (k keptAt) stepOn() {
	step := k.sim.AccessTokenLifetime
	if k.sim.Rotation == grant.Daily {
		step = 24 * time.Hour
	}
	k.ahead.Add(int64(step))
}

// inject strikes the account's next request at the token endpoint.
func (k keptAt) inject(a account, f authserver.Fault) {
	k.t.Helper()
	f.Endpoint, f.User = authserver.Token, a.user
	require.NoError(k.t, k.Provider.Inject(f))
}

// current is the refresh token that the vault holds.
func (k keptAt) current(a account) string {
	versions := k.Vault.Versions(a.secret("RefreshToken"))
	return versions[len(versions)-1].Value
}

// refreshed are the outcomes of two refreshes.
func (k keptAt) refreshed() []grant.Outcome {
	switch k.sim.Rotation {
	case grant.Never:
		return []grant.Outcome{grant.Renewed, grant.Renewed}
	case grant.Sometimes:
		return []grant.Outcome{grant.Renewed, grant.Rotated}
	default:
		return []grant.Outcome{grant.Rotated, grant.Rotated}
	}
}

// keptTrial is what one provider goes through before its end, an account each.
type keptTrial struct {
	keptAt
	twice, lost, limited, refused run
	consented                     map[string]string // the vault's refresh token before the run
	before                        int               // outcomes of lost before its answer is
	recovered                     bool              // one of twice's pairs, see saw
	limitedSince                  time.Time
}

// limit is what a rate limit asks for.
const limit = 3 * time.Second

// begin starts the refreshes that others follow.
func (k keptAt) begin() keptTrial {
	trial := keptTrial{keptAt: k, consented: map[string]string{}}
	twice, lost := k.consent(), k.consent()
	k.stepOn()
	trial.twice = twice.refresh()
	trial.lost.account = lost
	if k.sim.Rotation == grant.Sometimes {
		trial.lost = lost.refresh() // keeps the refresh token, so that the next one does not
	}
	return trial
}

// goOn starts all others, after those that begin has started. The clock stands still from
// here on, because a replay window may be as short as an access token's life.
func (k *keptTrial) goOn() {
	k.recovered = k.twice.refreshed(k.p.Name).Outcome == workflows.Recovered
	if k.lost.id != "" {
		k.lost.refreshed(k.p.Name)
		k.before = len(k.lost.outcomes())
	}
	limited, refused := k.consent(), k.consent()
	k.stepOn()
	k.inject(k.lost.account, authserver.Fault{Answer: authserver.Reset, Commit: true})
	k.inject(limited, authserver.Fault{Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(limit)})
	k.inject(refused, authserver.Fault{Answer: authserver.InvalidClient})
	for _, a := range []account{k.lost.account, refused} {
		k.consented[a.name] = k.current(a)
	}
	k.limitedSince = time.Now()
	k.twice, k.lost, k.limited, k.refused = k.twice.refresh(), k.lost.account.refresh(), limited.refresh(), refused.refresh()
}

func (k keptTrial) on(t *testing.T) keptTrial {
	k.keptAt = k.keptAt.on(t)
	for _, r := range []*run{&k.twice, &k.lost, &k.limited, &k.refused} {
		r.system = k.system
	}
	return k
}

func (k keptTrial) check() {
	k.refreshesTwice()
	k.meetsALostAnswer()
	k.waitsARateLimitOut()
	k.failsAtARefusedClient()
}

func (k keptTrial) refreshesTwice() {
	k.recovered = k.twice.refreshed().Outcome == workflows.Recovered || k.recovered
	k.saw(k.twice, 0, k.recovered, k.refreshed()...)
	k.twice.holdsLive()
	if k.recovered {
		return
	}
	versions := 1
	for _, outcome := range k.refreshed() {
		if outcome == grant.Rotated {
			versions++
		}
	}
	require.Len(k.t, k.twice.refreshVersions(), versions, "versions of the refresh token")
	require.Len(k.t, k.twice.accessVersions(), 2, "versions of the access token")
}

// saw asserts how the provider answered the tokens of an account, the first ones aside. On a
// machine that stands still for seconds an answer may be asked for once more, see
// run.providerSaw, and a pair that went into the vault is refreshed once more.
func (k keptTrial) saw(r run, before int, recovered bool, want ...grant.Outcome) {
	k.t.Helper()
	got := r.outcomes()[before:]
	for _, o := range got {
		require.True(k.t, o.Granted(), "the provider called a token %s, of %v", o, got)
	}
	if spent, _ := apart(got); !recovered && k.sim.Rotation == grant.Always && !k.sim.SpentStaysGood {
		wantSpent, _ := apart(want)
		require.Equal(k.t, wantSpent, spent, "of %v", got)
	}
	require.GreaterOrEqual(k.t, len(got), len(want), "%v", got)
	if len(got) == len(want) {
		require.Equal(k.t, want, got)
	}
}

// meetsALostAnswer: the request took effect and its answer never came. Where the refresh
// token rotates and nothing is repeated, the user must consent again.
func (k keptTrial) meetsALostAnswer() {
	repeats := k.sim.ReplayWindow > 0
	switch {
	case k.sim.Rotation == grant.Never:
		recovered := k.lost.refreshed().Outcome == workflows.Recovered
		k.saw(k.lost, 0, recovered, grant.Renewed, grant.Renewed)
		k.lost.holdsLive()
	case k.sim.SpentStaysGood, repeats:
		again := grant.Replayed
		if !repeats {
			again = grant.Rotated
		}
		recovered := k.lost.refreshed().Outcome == workflows.Recovered
		k.saw(k.lost, k.before, recovered, grant.Rotated, again)
		k.lost.holdsLive()
	default:
		k.lost.hurry(k.before + 2) // the second request is refused, perhaps in words that may mean a dead grant
		failure := k.lost.failure()
		require.Equal(k.t, workflows.ReauthorizationRequired, failure.Type, failure.Message)
		require.Equal(k.t, []grant.Outcome{grant.Rotated, grant.Reused}, k.lost.outcomes()[k.before:][:2])
		require.LessOrEqual(k.t, k.lost.calls()-k.before, 3, "a token that may be dead was presented too often")
		k.lost.untouched(k.consented[k.lost.name], 1)
	}
}

func (k keptTrial) waitsARateLimitOut() {
	k.limited.refreshed()
	k.limited.asked(2)
	taken := k.Provider.Events(k.limited.user)[0].Time.Add(-time.Duration(k.ahead.Load()))
	require.GreaterOrEqual(k.t, taken.Sub(k.limitedSince), limit)
	k.limited.holdsLive()
}

func (k keptTrial) failsAtARefusedClient() {
	failure := k.refused.failure()
	require.Equal(k.t, activities.InvalidClient, failure.Type, failure.Message)
	require.Contains(k.t, failure.Message, k.p.CredentialsName())
	require.NotContains(k.t, failure.Message, secretPrefix)
	require.Equal(k.t, 1, k.refused.calls())
	k.refused.untouched(k.consented[k.refused.name], 1)
}

// keptEnd is a refresh after the provider has ended its API.
type keptEnd struct {
	keptAt
	run
	consented string
}

func (k keptAt) end() keptEnd {
	a := k.consent()
	consented := k.current(a)
	k.Provider.Retire()
	return keptEnd{k, a.refresh(), consented}
}

func (k keptEnd) on(t *testing.T) keptEnd {
	k.keptAt = k.keptAt.on(t)
	k.run.system = k.keptAt.system
	return k
}

func (k keptEnd) check() {
	t := k.keptAt.t
	failure := k.run.failure()
	require.Equal(t, activities.ProviderRetired, failure.Type)
	require.Contains(t, failure.Message, k.p.Title+" has ended this API")
	if successor := k.p.Status.Successor; successor != "" {
		require.Contains(t, failure.Message, "provider "+successor)
	}
	require.Equal(t, 1, k.run.calls())
	k.run.untouched(k.consented, 1)
}
