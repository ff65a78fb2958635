package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestStoreWritesTheRefreshTokenBeforeTheAccessToken(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	var written []string
	r.secrets.After = func(op, name string) error {
		if op == "set" {
			written = append(written, name)
		}
		return nil
	}
	receipt := r.store(old.entry(5))
	require.Equal(t, []string{names.RefreshToken, names.AccessToken}, written)
	require.Equal(t, vault.Receipt{
		RefreshTokenVersion: r.top(names.RefreshToken).Version,
		AccessTokenVersion:  r.top(names.AccessToken).Version,
	}, receipt)
	require.Equal(t, old.access(5), r.top(names.AccessToken).Value)
}

func TestStoreMayBeRepeated(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	first := r.store(old.entry(5))
	require.Equal(t, first, r.store(old.entry(5)))
	require.Len(t, r.secrets.All(names.RefreshToken), 6)
	require.Len(t, r.secrets.All(names.AccessToken), 6)
}

func (l line) values(from, to token.Generation) (values []string) {
	for g := from; g <= to; g++ {
		values = append(values, l.refresh(g).Reveal())
	}
	return values
}

func TestStoreNeverOverwritesANewerToken(t *testing.T) {
	for _, tc := range []struct {
		name   string
		given  func(*fixture)
		top    string
		access bool // its access token is newer as well
	}{
		{"a newer generation", func(r *fixture) { r.upTo(old, 6) }, "fake-refresh-old-6", true},
		{"a newer generation whose access token is not there yet", func(r *fixture) {
			r.upTo(old, 5)
			_, _ = vault.New(stopAfter(r.secrets, 2)).Store(r.t.Context(), names, old.entry(6), run)
		}, "fake-refresh-old-6", false},
		{"a consent with its access token", func(r *fixture) {
			r.upTo(old, 4)
			r.consent(token.Pair{RefreshToken: token.NewSecret("fake-refresh-new-5"), AccessToken: token.NewSecret("fake-access-new-5")})
		}, "fake-refresh-new-5", true},
		{"a generation much newer", func(r *fixture) { r.upTo(old, 9) }, "fake-refresh-old-9", true},
		{"a new consent", func(r *fixture) {
			r.upTo(old, 4)
			r.secrets.Put(names.RefreshToken, "fake-refresh-new-5")
		}, "fake-refresh-new-5", false},
		{"a new consent that a run has numbered", func(r *fixture) {
			r.upTo(old, 4)
			r.secrets.Put(names.RefreshToken, "fake-refresh-new-5")
			current, _ := r.load()
			r.recordIntent(current)
		}, "fake-refresh-new-5", false},
		{"what a new consent rotated into", func(r *fixture) {
			r.upTo(old, 4)
			r.secrets.Put(names.RefreshToken, "fake-refresh-new-5")
			current, _ := r.load()
			r.recordIntent(current)
			r.store(issuedFor(current, "new-6"))
		}, "fake-refresh-new-6", true},
		{"a newer generation that is disabled", func(r *fixture) {
			r.upTo(old, 6)
			r.secrets.Disable(names.RefreshToken)
		}, "fake-refresh-old-6", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			before, access := r.values(names.RefreshToken), r.values(names.AccessToken)
			receipt := r.store(old.entry(5))
			require.Equal(t, vault.Receipt{Superseded: true, RefreshTokenVersion: r.top(names.RefreshToken).Version, AccessTokenNewer: tc.access}, receipt)
			require.Equal(t, before, r.values(names.RefreshToken))
			require.Equal(t, access, r.values(names.AccessToken))
			require.Equal(t, tc.top, r.top(names.RefreshToken).Value.Reveal())
		})
	}
}

func TestStoreWritesOverWhatIsOlderOrNothing(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given func(*fixture)
	}{
		{"an empty vault", func(*fixture) {}},
		{"its parent", func(r *fixture) { r.upTo(old, 4) }},
		{"a late write of an older generation", func(r *fixture) { r.upTo(old, 4); r.again(names.RefreshToken, old.refresh(2)) }},
		{"its parent put back by hand", func(r *fixture) { r.upTo(old, 4); r.secrets.Put(names.RefreshToken, old.refresh(4).Reveal()) }},
		{"a spent token put back by hand", func(r *fixture) { r.upTo(old, 4); r.secrets.Put(names.RefreshToken, old.refresh(2).Reveal()) }},
		{"an empty value", func(r *fixture) { r.upTo(old, 4); r.secrets.Put(names.RefreshToken, "") }},
		{"a value that can be no token", func(r *fixture) { r.upTo(old, 4); r.secrets.Put(names.RefreshToken, "{ \"token\": 1 }") }},
		{"a disabled parent", func(r *fixture) { r.upTo(old, 4); r.secrets.Disable(names.RefreshToken) }},
		{"a disabled value without tags", func(r *fixture) {
			r.secrets.Put(names.RefreshToken, "fake-refresh-by-hand")
			r.secrets.Disable(names.RefreshToken)
		}},
		{"a soft-deleted parent", func(r *fixture) { r.upTo(old, 4); r.secrets.Delete(names.RefreshToken) }},
		{"a soft-deleted access token", func(r *fixture) { r.upTo(old, 4); r.secrets.Delete(names.AccessToken) }},
		{"a disabled access token", func(r *fixture) { r.upTo(old, 4); r.secrets.Disable(names.AccessToken) }},
		{"both soft-deleted", func(r *fixture) {
			r.upTo(old, 4)
			r.secrets.Delete(names.RefreshToken)
			r.secrets.Delete(names.AccessToken)
		}},
		{"the access token of a line that is gone", func(r *fixture) {
			_, err := r.secrets.Set(r.t.Context(), names.AccessToken, old.access(9), vault.Properties{Tags: tagsOfAccess(r.t, 9)})
			require.NoError(r.t, err)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			receipt := r.store(old.entry(5))
			require.Equal(t, vault.Receipt{
				RefreshTokenVersion: r.top(names.RefreshToken).Version,
				AccessTokenVersion:  r.top(names.AccessToken).Version,
			}, receipt)
			require.Equal(t, old.refresh(5), r.top(names.RefreshToken).Value)
			require.Equal(t, old.access(5), r.top(names.AccessToken).Value)
			current, _ := r.load()
			require.Equal(t, old.provenance(5), current.Provenance)
		})
	}
}

// tagsOfAccess are the tags of an access token that was stored elsewhere.
func tagsOfAccess(t testing.TB, g token.Generation) map[string]string {
	r := open(t)
	r.store(old.entry(g))
	return r.top(names.AccessToken).Tags
}

func TestADeletedNameThatHoldsSomethingNewerIsRecoveredAndLeftAsItIs(t *testing.T) {
	for _, deleted := range []string{names.RefreshToken, names.AccessToken} {
		r := open(t)
		r.upTo(old, 6)
		if deleted == names.AccessToken { // so that nothing but its return shows the newer one
			r.secrets.Disable(names.RefreshToken)
			r.secrets.Delete(names.RefreshToken)
		}
		r.secrets.Delete(deleted)
		receipt := r.store(old.entry(5))
		require.True(t, receipt.Superseded)
		require.Equal(t, old.refresh(6), r.top(names.RefreshToken).Value)
		require.Equal(t, old.access(6), r.top(names.AccessToken).Value)
	}
}

func TestTwoTokensOfOneGenerationConflict(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	e := old.entry(5)
	e.RefreshToken = token.NewSecret("fake-refresh-other-5")
	e.Provenance.Fingerprint = e.RefreshToken.Fingerprint()
	_, err := r.vault.Store(t.Context(), names, e, run)
	require.ErrorIs(t, err, vault.ErrConflict)
	require.False(t, vault.Retryable(err))
	require.EqualError(t, err, "vault: set will-RefreshToken: conflict (version "+r.top(names.RefreshToken).Version+
		" and the token with fingerprint "+string(e.Provenance.Fingerprint)+" both are generation 5 of one consent); find out which one the provider still takes")
	require.Equal(t, old.refresh(5), r.top(names.RefreshToken).Value)
}

func TestAProviderThatDoesNotRotateGetsNewAccessTokensOnly(t *testing.T) {
	r := open(t)
	r.secrets.Put(names.RefreshToken, old.refresh(0).Reveal())
	current, _ := r.load()
	r.recordIntent(current)
	unrotated := func(hour token.Generation) vault.Entry {
		e := old.entry(hour)
		e.Provenance, e.RefreshToken = current.Provenance, token.Secret{}
		return e
	}
	r.store(unrotated(1))
	require.Equal(t, old.access(1), r.top(names.AccessToken).Value)
	r.store(unrotated(3))
	require.Equal(t, old.access(3), r.top(names.AccessToken).Value)
	r.store(unrotated(2)) // a late writer
	require.Equal(t, old.access(3), r.top(names.AccessToken).Value)
	require.Equal(t, []string{old.refresh(0).Reveal()}, r.values(names.RefreshToken))

	repeated := unrotated(4)
	repeated.RefreshToken = current.Value // the answer may also repeat the old one
	r.store(repeated)
	require.Equal(t, old.access(4), r.top(names.AccessToken).Value)
	require.Len(t, r.secrets.All(names.RefreshToken), 1)
}

func TestAnAccessTokenIsKeptWhereTheRefreshTokenInForceIsGone(t *testing.T) {
	r := open(t)
	e := old.entry(5)
	e.RefreshToken = token.Secret{}
	require.False(t, r.store(e).Superseded)
	require.Equal(t, old.access(5), r.top(names.AccessToken).Value)
	require.Empty(t, r.values(names.RefreshToken))
}

func TestAClockThatIsAheadDoesNotHoldUpLaterAccessTokens(t *testing.T) {
	r := open(t)
	r.secrets.Put(names.RefreshToken, old.refresh(0).Reveal())
	current, _ := r.load()
	r.recordIntent(current)
	e := old.entry(1)
	e.Provenance, e.RefreshToken = current.Provenance, token.Secret{}
	e.ObtainedAt = time.Now().Add(48 * time.Hour)
	r.store(e)

	later := e
	later.AccessToken, later.ObtainedAt = old.access(2), time.Now().Add(time.Minute)
	r.store(later)
	require.Equal(t, old.access(2), r.top(names.AccessToken).Value)
}

func TestAConsentBetweenTheTwoWritesKeepsTheAccessTokenAsItIs(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	r.secrets.Disable(names.AccessToken) // so that it does not vouch for any generation
	r.at(3, func() {                     // between the two writes
		r.secrets.Before = nil
		r.secrets.Put(names.RefreshToken, fresh)
	})
	receipt := r.store(old.entry(5))
	require.True(t, receipt.Superseded)
	require.Equal(t, r.top(names.RefreshToken).Version, receipt.RefreshTokenVersion)
	require.Equal(t, old.access(4), r.top(names.AccessToken).Value)
}
