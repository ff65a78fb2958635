package vault_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// It is the value that is refused: other accounts need not prove the vault for it.
func TestAnAccessTokenThatIsTooLongAsksForNoProof(t *testing.T) {
	r := open(t)
	r.upTo(old, 1)
	e := old.entry(2)
	e.AccessToken = token.NewSecret(strings.Repeat("a", token.MaxLength+1))
	_, err := r.vault.Store(t.Context(), names, e, run)
	require.ErrorIs(t, err, vault.ErrRejected)
	current, _ := r.load()
	calls := r.counts()
	r.recordIntent(current)
	require.Zero(t, calls["set "+names.RefreshToken]+calls["set "+names.AccessToken])
}

// refusedAccess is a vault that has refused a new version of the access token.
func refusedAccess(t *testing.T) *fixture {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 4)
	r.secrets.Before = refusing("set "+names.AccessToken, vault.ErrDenied)
	_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
	require.ErrorIs(t, err, vault.ErrDenied)
	r.secrets.Before = nil
	return r
}

// Where a provider does not rotate, access tokens share a generation.
func TestAProofOfTheAccessTokenBuriesNoNewerOne(t *testing.T) {
	for name, obtained := range map[string]time.Time{
		"a later one of the same generation":    noon.Add(5 * time.Hour),
		"an earlier one of the same generation": noon.Add(3 * time.Hour),
		"one by hand":                           {},
	} {
		r := refusedAccess(t)
		current, _ := r.load()
		before := r.top(names.AccessToken)
		require.Equal(t, "4", before.Tags["generation"])
		r.keepsAccessFresh()
		r.at(2, func() { // between the read and the write
			r.secrets.Before = nil
			p := vault.Properties{}
			if !obtained.IsZero() {
				value := token.NewSecret("fake-access-came")
				p.Tags = maps.Clone(before.Tags)
				p.Tags["fingerprint"], p.Tags["obtained-at"] = string(value.Fingerprint()), obtained.Format(time.RFC3339Nano)
			}
			_, err := r.secrets.Set(t.Context(), names.AccessToken, token.NewSecret("fake-access-came"), p)
			require.NoError(t, err)
		})
		r.recordIntent(current)
		want := "fake-access-came"
		if name == "an earlier one of the same generation" {
			want = before.Value.Reveal()
		}
		require.Equal(t, want, r.top(names.AccessToken).Value.Reveal(), name)
	}
}

// keepsAccessFresh gives the access token a date to come: an expired one proves nothing.
func (r *fixture) keepsAccessFresh() {
	r.t.Helper()
	top := r.top(names.AccessToken)
	_, err := r.secrets.Set(r.t.Context(), names.AccessToken, top.Value, vault.Properties{Tags: top.Tags, Expires: time.Now().Add(time.Hour)})
	require.NoError(r.t, err)
}

func TestAnAccessTokenThatHasExpiredIsNotWrittenAgain(t *testing.T) {
	for name, left := range map[string]time.Duration{"expired": -time.Hour, "good": time.Hour} {
		r := refusedAccess(t)
		before := r.top(names.AccessToken)
		expires := time.Now().Add(left)
		_, err := r.secrets.Set(t.Context(), names.AccessToken, before.Value, vault.Properties{Tags: before.Tags, Expires: expires})
		require.NoError(t, err)
		if name == "expired" {
			r.secrets.Before = refusing("set "+names.AccessToken, vault.ErrDenied) // by a policy that asks for a date to come
		}
		current, _ := r.load()
		versions := len(r.values(names.AccessToken))
		r.recordIntent(current)
		written := len(r.values(names.AccessToken)) - versions
		require.Equal(t, map[string]int{"expired": 0, "good": 1}[name], written, name)
		require.True(t, expires.Equal(r.top(names.AccessToken).Expires), name)
	}
}

func TestAnAccessTokenThatNeverExistedCostsNoVersions(t *testing.T) {
	r := open(t)
	r.secrets.Put(names.RefreshToken, old.refresh(0).Reveal())
	r.secrets.Before = refusing("set "+names.AccessToken, vault.ErrDenied)
	_, err := r.vault.Store(t.Context(), names, old.entry(1), run)
	require.ErrorIs(t, err, vault.ErrDenied)
	current, _ := r.load()
	r.recordIntent(current) // the refusal asks for a proof
	versions := len(r.values(names.RefreshToken))
	for range 3 {
		current, _ = r.load()
		r.recordIntent(current)
	}
	require.Len(t, r.values(names.RefreshToken), versions)
}
