package vault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// given is what a provider answers to the code of a consent.
var given = token.Pair{
	AccessToken: token.NewSecret("fake-access-new"), RefreshToken: token.NewSecret("fake-refresh-new"),
	Issue: token.Issue{ObtainedAt: noon.Add(time.Hour), Expiry: noon.Add(9 * time.Hour).Truncate(time.Second), UserID: "FAKE02"},
}

func (r *fixture) consent(pair token.Pair) vault.Receipt {
	r.t.Helper()
	receipt, err := r.vault.StoreConsent(r.t.Context(), names, account, pair)
	require.NoError(r.t, err)
	return receipt
}

func TestAConsentGoesOnFromWhateverTheVaultHolds(t *testing.T) {
	for name, tc := range map[string]struct {
		before func(*fixture)
		want   token.Generation
	}{
		"an empty vault":             {func(*fixture) {}, 0},
		"what rotated before":        {func(r *fixture) { r.upTo(old, 5) }, 6},
		"what was put there by hand": {func(r *fixture) { r.secrets.Put(names.RefreshToken, "fake-refresh-by-hand") }, 0},
		"what was disabled": {func(r *fixture) {
			r.upTo(old, 5)
			r.secrets.Disable(names.RefreshToken)
			r.secrets.Disable(names.AccessToken)
		}, 6},
		"what was deleted": {func(r *fixture) {
			r.upTo(old, 5)
			r.secrets.Delete(names.RefreshToken)
			r.secrets.Delete(names.AccessToken)
		}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			tc.before(r)
			receipt := r.consent(given)
			require.False(t, receipt.Superseded)
			require.Equal(t, given.RefreshToken, r.top(names.RefreshToken).Value)
			require.Equal(t, receipt.RefreshTokenVersion, r.top(names.RefreshToken).Version)
			require.Equal(t, given.AccessToken, r.top(names.AccessToken).Value)
			require.Equal(t, receipt.AccessTokenVersion, r.top(names.AccessToken).Version)
			require.Equal(t, given.Expiry, r.top(names.AccessToken).Expires)

			current, access := r.load()
			f := given.RefreshToken.Fingerprint()
			require.Equal(t, token.Provenance{Generation: tc.want, Fingerprint: f, Consent: f}, current.Provenance)
			require.Equal(t, "FAKE02", current.UserID, "whose consent it is must be known at the first refresh")
			require.True(t, given.ObtainedAt.Equal(current.ObtainedAt))
			require.Equal(t, given.Expiry, access.Expires)

			r.recordIntent(current)
			again, _ := r.load()
			require.Equal(t, current.Provenance, again.Provenance)
			require.Equal(t, "FAKE02", again.UserID)
			require.False(t, r.store(issuedFor(current, "new-1")).Superseded)
			require.Equal(t, "fake-access-new-1", r.top(names.AccessToken).Value.Reveal())
		})
	}
}

func TestAConsentOutranksWhatIsInFlightWheneverItComes(t *testing.T) {
	for call, came := 1, true; came; call++ {
		r := open(t)
		r.secrets.Now = seconds()
		r.upTo(old, 4)
		came = false
		r.at(call, func() {
			came = true
			r.secrets.Before = nil
			r.consent(given)
		})
		r.store(old.entry(5))
		r.secrets.Before = nil
		if !came {
			break
		}
		if r.top(names.RefreshToken).Value != given.RefreshToken {
			// The store had read before that: its token is dead, as a run will find.
			advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), run)
			require.NoError(t, err)
			require.True(t, advanced, "put there before call %d", call)
		}
		current, _ := r.load()
		require.Equal(t, given.RefreshToken, current.Value, "put there before call %d", call)
	}
}

func TestAStoreThatComesBetweenIsWrittenOver(t *testing.T) {
	for call, came := 1, true; came; call++ {
		r := open(t)
		r.secrets.Now = seconds()
		r.upTo(old, 4)
		came = false
		r.at(call, func() {
			came = true
			r.secrets.Before = nil
			r.again(names.RefreshToken, old.refresh(4)) // a writer that read long ago
		})
		receipt := r.consent(given)
		require.False(t, receipt.Superseded, "before call %d", call)
		r.secrets.Before = nil
		if call <= 4 {
			require.Equal(t, given.RefreshToken, r.top(names.RefreshToken).Value, "before call %d", call)
		}
	}
}

func TestAConsentMayBePutThereAgain(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	first := r.consent(given)
	require.Equal(t, first, r.consent(given))

	// Also when a run has found it meanwhile, and when it has spent it.
	current, _ := r.load()
	r.recordIntent(current)
	require.Equal(t, first, r.consent(given))
	require.Equal(t, current.Generation, func() token.Generation { h, _ := r.load(); return h.Generation }())
	r.store(issuedFor(current, "new-1"))
	require.True(t, r.consent(given).Superseded)
	require.Equal(t, "fake-refresh-new-1", r.top(names.RefreshToken).Value.Reveal())
	require.Equal(t, "fake-access-new-1", r.top(names.AccessToken).Value.Reveal())
}

func TestAnotherConsentThatComesWhileOneIsStoredStays(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 5)
	r.at(4, func() { r.secrets.Put(names.RefreshToken, "fake-refresh-later") }) // once the first one is written
	receipt := r.consent(given)
	require.True(t, receipt.Superseded)
	require.Equal(t, "fake-refresh-later", r.top(names.RefreshToken).Value.Reveal())
	require.Equal(t, old.access(5), r.top(names.AccessToken).Value)
}

func TestARunBetweenTheTwoWritesOfAConsentKeepsItsAccessToken(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	r.at(5, func() { // before the access token is read
		r.secrets.Before = nil
		current, _ := r.load()
		r.recordIntent(current)
		r.store(issuedFor(current, "new-1"))
	})
	receipt := r.consent(given)
	require.False(t, receipt.Superseded)
	require.Equal(t, "fake-access-new-1", r.top(names.AccessToken).Value.Reveal())
	require.Equal(t, r.top(names.AccessToken).Version, receipt.AccessTokenVersion)
}

func TestASpentConsentInADeletedNameIsNotPutThereAgain(t *testing.T) {
	r := open(t)
	r.consent(given)
	current, _ := r.load()
	r.recordIntent(current)
	r.store(issuedFor(current, "new-1"))
	r.secrets.Delete(names.RefreshToken)
	require.True(t, r.consent(given).Superseded)
	require.Equal(t, "fake-refresh-new-1", r.top(names.RefreshToken).Value.Reveal())
}

func TestAConsentWhoseNameIsDeletedAgainAndAgainIsNamed(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	r.secrets.Before = func(op, name string) error {
		if op == "set" {
			r.secrets.Delete(name)
		}
		return nil
	}
	_, err := r.vault.StoreConsent(t.Context(), names, account, given)
	require.EqualError(t, err, "vault: set will-RefreshToken: unavailable (it is deleted as often as it is recovered); find out who deletes it")
}

func TestAConsentWhoseFateIsUnknownIsPutThereOnce(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 5)
	lost := 0
	r.secrets.After = func(op, name string) error {
		if op == "set" && lost < 2 {
			lost++
			return &vault.Error{Op: op, Name: name, Kind: vault.ErrUnavailable}
		}
		return nil
	}
	for range 2 {
		_, err := r.vault.StoreConsent(t.Context(), names, account, given)
		require.ErrorIs(t, err, vault.ErrUnavailable)
	}
	require.False(t, r.consent(given).Superseded)
	require.Len(t, r.values(names.RefreshToken), 7)
	require.Len(t, r.values(names.AccessToken), 7)
}

func TestALaterConsentIsNotWrittenOverByARepeatedOne(t *testing.T) {
	t.Run("of another second", func(t *testing.T) { repeatUnderALaterConsent(t, seconds()) })
	t.Run("of the same second", func(t *testing.T) { repeatUnderALaterConsent(t, func() time.Time { return noon }) })
}

func repeatUnderALaterConsent(t *testing.T, clock func() time.Time) {
	r := open(t)
	r.secrets.Now = clock
	r.upTo(old, 5)
	r.consent(given)
	r.secrets.Put(names.RefreshToken, "fake-refresh-later")
	require.True(t, r.consent(given).Superseded)
	current, _ := r.load()
	require.Equal(t, "fake-refresh-later", current.Value.Reveal())
	if clock().Equal(clock()) {
		return // once a run has numbered it, the vault's clock would have to tell
	}

	r.recordIntent(current)
	r.store(issuedFor(current, "later-1"))
	require.True(t, r.consent(given).Superseded)
	require.Equal(t, "fake-refresh-later-1", r.top(names.RefreshToken).Value.Reveal())
}

func TestARefreshTokenAloneLeavesTheAccessTokenAsItIs(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	receipt := r.consent(token.Pair{RefreshToken: given.RefreshToken})
	require.Empty(t, receipt.AccessTokenVersion)
	require.Equal(t, old.access(5), r.top(names.AccessToken).Value)
	current, _ := r.load()
	require.Equal(t, given.RefreshToken, current.Value)
	require.Equal(t, token.Generation(6), current.Generation)
}

func TestWhatIsNoTokenIsNotPutThere(t *testing.T) {
	r := open(t)
	r.secrets = &memvault.Vault{}
	for _, value := range []string{"", "  ", "line\nbreak", strings.Repeat("a", token.MaxLength+1)} {
		_, err := r.vault.StoreConsent(t.Context(), names, account, token.Pair{RefreshToken: token.NewSecret(value)})
		require.ErrorIs(t, err, vault.ErrMalformed)
	}
}

func TestAConsentElsewhereIsNotForTheRunsOfTheProviderBefore(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	_, err := r.vault.StoreConsent(t.Context(), moved, token.Account{Provider: "google-health", Name: "will", SecretsOf: "fitbit"}, given)
	require.NoError(t, err)
	_, _, err = r.vault.Load(t.Context(), names, 0)
	require.ErrorIs(t, err, vault.ErrOtherProvider, "before any run of the new provider has numbered it")
	current, _, err := r.vault.Load(t.Context(), moved, 0)
	require.NoError(t, err)
	require.Equal(t, token.Generation(4), current.Generation)
}

// Consents that are given shortly after each other, while runs are at work:
// the provider takes the last one alone.
const (
	first  = "fake-refresh-new-first"
	second = "fake-refresh-new-second"
	third  = "fake-refresh-new-third"
)

func TestOfTwoConsentsWithOneNumberTheLaterCounts(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 4)
	r.secrets.Put(names.RefreshToken, first)
	slow, _ := r.load()
	r.secrets.Put(names.RefreshToken, second)
	r.secrets.Put(names.RefreshToken, third)
	quick, _ := r.load()
	r.recordIntent(quick)
	r.recordIntent(slow)
	require.Equal(t, quick.Generation, slow.Generation)

	advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, slow.Provenance, run)
	require.NoError(t, err)
	require.True(t, advanced)
	current, _ := r.load()
	require.Equal(t, third, current.Value.Reveal(), "the second was never tried, and is dead all the same")
	require.False(t, r.store(issuedFor(quick, "new-6")).Superseded)

	dead := issuedFor(quick, "new-6").Provenance
	for _, hidden := range []string{second, first} { // dead as they are: each is tried once
		advanced, err = r.vault.PromoteSuccessor(t.Context(), names, account, dead, run)
		require.NoError(t, err)
		require.True(t, advanced)
		current, _ = r.load()
		require.Equal(t, hidden, current.Value.Reveal())
		dead = current.Provenance
	}
	advanced, err = r.vault.PromoteSuccessor(t.Context(), names, account, dead, run)
	require.NoError(t, err)
	require.False(t, advanced, "nothing came after that")
}

func TestAConsentThatComesWhileAnEarlierOneIsPromotedIsFound(t *testing.T) {
	for call, came := 1, true; came; call++ {
		r := open(t)
		r.secrets.Now = seconds()
		r.upTo(old, 4)
		hiding(r, first)
		came = false
		r.at(call, func() {
			came = true
			r.secrets.Put(names.RefreshToken, second)
		})
		for dead := old.provenance(5); came || dead == old.provenance(5); {
			advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, dead, run)
			require.NoError(t, err)
			require.True(t, advanced, "put there before call %d", call)
			current, _ := r.load()
			if current.Value.Reveal() == second {
				break
			}
			require.Equal(t, first, current.Value.Reveal())
			dead = current.Provenance
		}
	}
}
