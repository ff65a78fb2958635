package vault_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// consentedTwice is a vault of an account whose owner has consented twice in a row. The
// first consent's token was never presented; that of the second has been refreshed often.
func consentedTwice(t *testing.T, give func(r *fixture, value string)) (*fixture, vault.RefreshToken) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 1)
	give(r, "fake-refresh-first")
	give(r, "fake-refresh-second")
	for i := range 6 {
		current, _ := r.load()
		r.recordIntent(current)
		r.store(issuedFor(current, fmt.Sprintf("second-%d", i)))
	}
	live, _ := r.load()
	r.recordIntent(live)
	return r, live
}

// A gateway's page in place of an answer is passing, and the mark of a dead token is not.
func TestADoubtMarksNoTokenAsDead(t *testing.T) {
	for name, give := range map[string]func(*fixture, string){
		"consents by the program": func(r *fixture, value string) { r.consent(token.Pair{RefreshToken: token.NewSecret(value)}) },
		"consents by hand":        func(r *fixture, value string) { r.secrets.Put(names.RefreshToken, value) },
	} {
		t.Run(name, func(t *testing.T) {
			r, live := consentedTwice(t, give)
			before := r.secrets.All(names.RefreshToken)
			found, err := r.vault.PromoteNewer(t.Context(), names, account, live.Provenance, run)
			require.NoError(t, err)
			require.False(t, found)
			require.Equal(t, before, r.secrets.All(names.RefreshToken))

			current, _ := r.load()
			r.store(issuedFor(current, "next"))
			current, _ = r.load()
			require.Equal(t, "fake-refresh-next", current.Value.Reveal())

			found, err = r.vault.PromoteSuccessor(t.Context(), names, account, current.Provenance, run)
			require.NoError(t, err)
			require.True(t, found, "it is not there for a token that is known to be dead")
			current, _ = r.load()
			require.Equal(t, "fake-refresh-first", current.Value.Reveal())
		})
	}
}

func TestADoubtedTokenGivesWayToWhatIsProvablyNewer(t *testing.T) {
	for _, tc := range []struct {
		name    string
		given   func(*fixture)
		doubted token.Provenance
		want    token.Secret
	}{
		{"a later generation on top", func(r *fixture) { r.upTo(old, 6) }, old.provenance(5), old.refresh(6)},
		{"the newest under a late write", func(r *fixture) {
			r.upTo(old, 8)
			r.again(names.RefreshToken, old.refresh(5))
		}, old.provenance(5), old.refresh(8)},
		{"what it was spent for, under whatever number", func(r *fixture) {
			r.upTo(old, 6)
			r.again(names.RefreshToken, old.refresh(4))
		}, token.Provenance{Generation: 6, Fingerprint: old.refresh(5).Fingerprint(), Consent: old.refresh(5).Fingerprint()}, old.refresh(6)},
		{"a consent on top", func(r *fixture) {
			r.upTo(old, 5)
			r.secrets.Put(names.RefreshToken, fresh)
		}, old.provenance(5), token.NewSecret(fresh)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			r.secrets.Now = seconds()
			tc.given(r)
			found, err := r.vault.PromoteNewer(t.Context(), names, account, tc.doubted, run)
			require.NoError(t, err)
			require.True(t, found)
			current, _ := r.load()
			require.Equal(t, tc.want, current.Value)
			for _, s := range r.secrets.All(names.RefreshToken) {
				require.NotContains(t, s.Tags, "promoted-for")
			}
		})
	}
}

func TestADoubtedTokenStaysWhereNothingIsProvablyNewer(t *testing.T) {
	for name, given := range map[string]func(*fixture) vault.RefreshToken{
		"a value beside copied tags of a later generation": func(r *fixture) vault.RefreshToken {
			r.upTo(old, 5)
			copied := r.top(names.RefreshToken).Properties
			copied.Tags["generation"], copied.Tags["fingerprint"] = "6", string(line{name: "elsewhere"}.refresh(0).Fingerprint())
			_, err := r.secrets.Set(r.t.Context(), names.RefreshToken, token.NewSecret(fresh), copied)
			require.NoError(r.t, err)
			r.again(names.RefreshToken, old.refresh(5))
			return vault.RefreshToken{Provenance: old.provenance(5)}
		},
		"a pair issued for the token whose place it took": func(r *fixture) vault.RefreshToken {
			r.upTo(old, 4)
			hiding(r, fresh)
			_, err := r.vault.PromoteSuccessor(r.t.Context(), names, account, old.provenance(5), run)
			require.NoError(r.t, err)
			consent := r.top(names.RefreshToken)
			r.store(old.entry(6))
			_, err = r.secrets.Set(r.t.Context(), names.RefreshToken, consent.Value, consent.Properties)
			require.NoError(r.t, err)
			current, _ := r.load()
			require.Equal(r.t, fresh, current.Value.Reveal())
			return current
		},
		"what came before the consent that took a dead token's place": func(r *fixture) vault.RefreshToken {
			r.upTo(old, 4)
			hiding(r, "fake-refresh-other")
			hiding(r, fresh)
			_, err := r.vault.PromoteSuccessor(r.t.Context(), names, account, old.provenance(5), run)
			require.NoError(r.t, err)
			current, _ := r.load()
			r.recordIntent(current)
			return current
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			r.secrets.Now = seconds()
			doubted := given(r)
			before := r.values(names.RefreshToken)
			found, err := r.vault.PromoteNewer(t.Context(), names, account, doubted.Provenance, run)
			require.NoError(t, err)
			require.False(t, found)
			require.Equal(t, before, r.values(names.RefreshToken))
		})
	}
}
