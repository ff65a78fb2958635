package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func (r *fixture) loadCurrent(g token.Generation) vault.RefreshToken {
	r.t.Helper()
	current, err := r.vault.LoadCurrent(r.t.Context(), names, g)
	require.NoError(r.t, err)
	return current
}

// TestNothingIsListedWhereTheTagsSuffice counts the listings of both names: one takes a
// call per 25 versions.
func TestNothingIsListedWhereTheTagsSuffice(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given func(*fixture)
		act   func(*fixture)
		lists int
	}{
		{"a load", func(r *fixture) { r.upTo(old, 5) }, func(r *fixture) { r.load() }, 0},
		{"a load that knows what the vault has", func(r *fixture) { r.upTo(old, 5) }, func(r *fixture) { r.loadAtLeast(5) }, 0},
		{"a load of less than is known", func(r *fixture) { r.upTo(old, 5) }, func(r *fixture) { r.loadAtLeast(6) }, 1},
		{"a look without an access token", func(r *fixture) { r.upTo(old, 5); r.secrets.Put(names.AccessToken, "fake-by-hand") }, func(r *fixture) { r.loadCurrent(5) }, 0},
		{"a look at one that is older than the caller's", func(r *fixture) { r.upTo(old, 5); r.secrets.Put(names.AccessToken, "fake-by-hand") }, func(r *fixture) { r.loadCurrent(6) }, 1},
		{"a look at one that a late writer put there", func(r *fixture) { r.upTo(old, 6); r.again(names.RefreshToken, old.refresh(5)) }, func(r *fixture) {
			require.Equal(r.t, token.Generation(6), r.loadCurrent(5).Generation)
		}, 1},
		{"a load of a consent", func(r *fixture) { r.upTo(old, 5); r.consent(given) }, func(r *fixture) { r.loadAtLeast(5) }, 0},
		{"a load of a consent without its access token", func(r *fixture) {
			r.upTo(old, 5)
			r.consent(token.Pair{RefreshToken: given.RefreshToken})
		}, func(r *fixture) { r.load() }, 0},
		{"a load of a consent that follows less than is known", func(r *fixture) { r.upTo(old, 5); r.consent(given) }, func(r *fixture) { r.loadAtLeast(9) }, 1},
		{"a load of a consent put there by hand", func(r *fixture) { r.upTo(old, 5); r.secrets.Put(names.RefreshToken, fresh) }, func(r *fixture) { r.load() }, 1},
		{"a consent's first refresh", func(r *fixture) { r.upTo(old, 5); r.consent(given) }, func(r *fixture) {
			current, _ := r.load()
			r.recordIntent(current)
			r.store(issuedFor(current, "new-7"))
		}, 0},
		{"a store that a consent supersedes", func(r *fixture) { r.upTo(old, 5); r.consent(given) }, func(r *fixture) {
			require.True(r.t, r.store(old.entry(6)).Superseded)
		}, 0},
		{"a store that a consent by hand supersedes", func(r *fixture) { r.upTo(old, 5); r.secrets.Put(names.RefreshToken, fresh) }, func(r *fixture) {
			require.True(r.t, r.store(old.entry(6)).Superseded)
		}, 2},
		{"a store that a later one supersedes", func(r *fixture) { r.upTo(old, 7) }, func(r *fixture) {
			require.True(r.t, r.store(old.entry(6)).Superseded)
		}, 0},
		{"a store over the consent that it comes from", func(r *fixture) {
			r.upTo(old, 5)
			r.secrets.Put(names.RefreshToken, old.refresh(0).Reveal())
		}, func(r *fixture) { require.False(r.t, r.store(old.entry(6)).Superseded) }, 0},
		{"a successor that is current", func(r *fixture) { r.upTo(old, 6) }, func(r *fixture) {
			found, err := r.vault.PromoteSuccessor(r.t.Context(), names, account, old.provenance(5), run)
			require.True(r.t, found)
			require.NoError(r.t, err)
		}, 0},
		{"a consent that is current", func(r *fixture) { r.upTo(old, 5); r.consent(given) }, func(r *fixture) {
			found, err := r.vault.PromoteSuccessor(r.t.Context(), names, account, old.provenance(5), run)
			require.True(r.t, found)
			require.NoError(r.t, err)
		}, 0},
		{"a proof", func(r *fixture) { r.upTo(old, 5); r.vault = vault.New(r.secrets) }, func(r *fixture) {
			current, _ := r.load()
			r.recordIntent(current)
		}, 1},
		{"a load of what a proof wrote", func(r *fixture) {
			r.upTo(old, 5)
			r.vault = vault.New(r.secrets)
			current, _ := r.load()
			r.recordIntent(current)
		}, func(r *fixture) { r.load() }, 1},
		{"the first refresh after a proof", func(r *fixture) {
			r.upTo(old, 5)
			r.vault = vault.New(r.secrets)
			current, _ := r.load()
			r.recordIntent(current)
			r.store(old.entry(6))
		}, func(r *fixture) {
			current, _ := r.load()
			r.recordIntent(current)
			r.store(old.entry(7))
		}, 0},
		{"a search", func(r *fixture) { r.upTo(old, 5) }, func(r *fixture) {
			found, err := r.vault.PromoteSuccessor(r.t.Context(), names, account, old.provenance(5), run)
			require.False(r.t, found)
			require.NoError(r.t, err)
		}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			calls := r.counts()
			tc.act(r)
			require.Equal(t, tc.lists, calls["list "+names.RefreshToken]+calls["list "+names.AccessToken])
		})
	}
}

func (r *fixture) loadAtLeast(g token.Generation) vault.RefreshToken {
	r.t.Helper()
	current, _, err := r.vault.Load(r.t.Context(), names, g)
	require.NoError(r.t, err)
	return current
}

func TestAConsentIsNumberedAfterAllThatIsKnown(t *testing.T) {
	for _, tc := range []struct {
		name         string
		given        func(*fixture)
		atLeast      token.Generation
		number, show token.Generation
	}{
		{"a new account", func(r *fixture) { r.consent(given) }, 0, 0, -1},
		{"by what it follows", func(r *fixture) { r.upTo(old, 5); r.consent(given) }, 5, 6, 5},
		{"by what is known, where the vault has lost it", func(r *fixture) { r.upTo(old, 5); r.consent(given) }, 9, 10, 5},
		{"by a listing", func(r *fixture) { r.upTo(old, 5); r.secrets.Put(names.RefreshToken, fresh) }, 0, 6, 5},
		{"by hand into a vault that has lost all", func(r *fixture) { r.secrets.Put(names.RefreshToken, fresh) }, 9, 10, -1},
		{"by a listing, where it came after a generation that its tag lacks", func(r *fixture) {
			r.upTo(old, 5)
			r.at(3, func() { // between the last read and the write
				r.secrets.Before = nil
				r.store(old.entry(6))
			})
			r.consent(given)
		}, 0, 7, 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			r.secrets.Before = nil
			current := r.loadAtLeast(tc.atLeast)
			require.Equal(t, given.RefreshToken.Reveal(), current.Value.Reveal())
			require.Equal(t, tc.number, current.Generation)
			require.Equal(t, tc.show, current.Shown)
		})
	}
}

// A consent that was stored late over what it has become must not be presented again.
func TestALateConsentOverItsOwnSuccessorIsSeenAsSpent(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	r.consent(given)
	late := r.top(names.RefreshToken)
	current, _ := r.load()
	r.recordIntent(current)
	e := issuedFor(current, "new-7")
	r.store(e)
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, late.Value, late.Properties)
	require.NoError(t, err)
	found, _ := r.load()
	require.Equal(t, e.Provenance, found.Provenance)
	require.Positive(t, found.VersionsRead)
}
