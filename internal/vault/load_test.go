package vault_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestLoadReadsTheTokenThatWasStored(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	calls := r.counts()
	current, access := r.load()
	require.Equal(t, old.provenance(5), current.Provenance)
	require.Equal(t, old.refresh(5), current.Value)
	require.Equal(t, r.top(names.RefreshToken).Version, current.Version)
	require.Equal(t, "FAKE01", current.UserID)
	require.True(t, old.entry(5).ObtainedAt.Equal(current.ObtainedAt))
	require.Equal(t, old.access(5).Fingerprint(), access.Fingerprint)
	require.Equal(t, token.Generation(5), access.Generation)
	require.Equal(t, old.entry(5).Expiry, access.Expires)
	// A year of versions is 60 pages: they are listed only where there is a doubt.
	require.Equal(t, map[string]int{"get " + names.RefreshToken: 1, "get " + names.AccessToken: 1}, calls)
}

func TestALateWriteDoesNotHideTheNewestGeneration(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given func(*fixture)
	}{
		{"the access token is newer", func(*fixture) {}},
		{"the access token is disabled", func(r *fixture) { r.secrets.Disable(names.AccessToken) }},
		{"the access token is deleted", func(r *fixture) { r.secrets.Delete(names.AccessToken) }},
		{"the access token was put there by hand", func(r *fixture) { r.secrets.Put(names.AccessToken, "fake-access-by-hand") }},
		{"the access token carries another token's tags", func(r *fixture) {
			stale := r.secrets.All(names.AccessToken)[5]
			_, err := r.secrets.Set(r.t.Context(), names.AccessToken, token.NewSecret("fake-access-by-hand"), stale.Properties)
			require.NoError(r.t, err)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			r.upTo(old, 6)
			r.again(names.RefreshToken, old.refresh(5))
			tc.given(r)
			current, _ := r.load()
			require.Equal(t, old.provenance(6), current.Provenance)
		})
	}
}

func TestADisabledNewestGenerationIsAnErrorAndNoReasonToSpendAnOlderOne(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	r.secrets.Disable(names.RefreshToken)
	r.again(names.RefreshToken, old.refresh(5))
	_, _, err := r.vault.Load(t.Context(), names, 0)
	require.ErrorIs(t, err, vault.ErrDisabled)
}

func TestATokenThatCannotBeReadIsExplained(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given func(*fixture)
		kind  error
		want  string
	}{
		{"missing", func(*fixture) {}, vault.ErrNotFound,
			"vault: get will-RefreshToken: not found (in memory); store the refresh token from the provider's consent in it: starter authorize, or with one at hand: starter import"},
		{"soft-deleted", func(r *fixture) { r.upTo(old, 1); r.secrets.Delete(names.RefreshToken) }, vault.ErrDeleted,
			"vault: get will-RefreshToken: soft-deleted (in memory); bring it back with: az keyvault secret recover --vault-name VAULT --name will-RefreshToken"},
		{"disabled", func(r *fixture) { r.upTo(old, 1); r.secrets.Disable(names.RefreshToken) }, vault.ErrDisabled,
			"vault: get will-RefreshToken: disabled"},
		{"empty", func(r *fixture) { r.secrets.Put(names.RefreshToken, " \n") }, vault.ErrMalformed,
			"vault: read will-RefreshToken: malformed (it is empty); store the refresh token from the provider's consent in it, and nothing else"},
		{"two words", func(r *fixture) { r.secrets.Put(names.RefreshToken, "Bearer fake-refresh-old-0") }, vault.ErrMalformed, "malformed"},
		{"control characters", func(r *fixture) { r.secrets.Put(names.RefreshToken, "fake-refresh-old-0\x00") }, vault.ErrMalformed, "malformed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			_, _, err := r.vault.Load(t.Context(), names, 0)
			require.ErrorIs(t, err, tc.kind)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "fake-refresh")
			require.False(t, vault.Retryable(err))
		})
	}
}

func TestAVaultThatIsAwayFailsALoadRetryably(t *testing.T) {
	for _, call := range []string{"get " + names.RefreshToken, "get " + names.AccessToken, "list " + names.RefreshToken} {
		r := open(t)
		r.upTo(old, 6)
		r.again(names.RefreshToken, old.refresh(5))
		r.secrets.Before = refusing(call, vault.ErrUnavailable)
		_, _, err := r.vault.Load(t.Context(), names, 0)
		require.ErrorIs(t, err, vault.ErrUnavailable, call)
		require.True(t, vault.Retryable(err))
	}
}

// refusing fails every call of one operation on one name.
func refusing(call string, kind error) func(op, name string) error {
	return func(op, name string) error {
		if op+" "+name != call {
			return nil
		}
		return &vault.Error{Op: op, Name: name, Kind: kind}
	}
}

func TestAnExplanationSurvivesAVaultThatDoesNotSayWhatIsDeleted(t *testing.T) {
	r := open(t)
	r.secrets.Before = refusing("deleted "+names.RefreshToken, vault.ErrDenied)
	_, _, err := r.vault.Load(t.Context(), names, 0)
	require.ErrorIs(t, err, vault.ErrNotFound)
	require.False(t, errors.Is(err, vault.ErrDenied))
}

func TestASpentTokenDoesNotCountWhateverItsNumber(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	tags := r.top(names.RefreshToken).Tags
	tags["generation"] = "2"
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, r.top(names.RefreshToken).Version, tags))
	current, _ := r.load()
	require.Equal(t, old.refresh(6), current.Value)
	r.again(names.RefreshToken, old.refresh(4))
	current, _ = r.load()
	require.Equal(t, old.refresh(6), current.Value)
}

func TestARefreshTokenThatNeverStopsChangingIsNamed(t *testing.T) {
	r := open(t)
	r.secrets.Before = func(op, _ string) error {
		if op == "list" {
			r.secrets.Put(names.RefreshToken, fresh)
		}
		return nil
	}
	r.secrets.Put(names.RefreshToken, fresh)
	_, _, err := r.vault.Load(t.Context(), names, 0)
	require.EqualError(t, err, "vault: get will-RefreshToken: unavailable (other writers change it as fast as it is read)")
	require.True(t, vault.Retryable(err))
}

func TestTheFirstTokenIsAConsentOfGenerationZero(t *testing.T) {
	r := open(t)
	r.secrets.Put(names.RefreshToken, "fake-refresh-old-0\n") // as from a file
	current, access := r.load()
	require.Equal(t, old.provenance(0), current.Provenance)
	require.Equal(t, old.refresh(0), current.Value)
	require.Empty(t, current.IntentRunID)
	require.Zero(t, access)
}

func TestANewConsentGoesOnFromTheAccountsGenerations(t *testing.T) {
	const fresh = "fake-refresh-new-6"
	for _, tc := range []struct {
		name  string
		given func(*fixture)
		want  token.Generation
	}{
		{"after the stored ones", func(r *fixture) { r.upTo(old, 5) }, 6},
		{"after a disabled one", func(r *fixture) {
			r.upTo(old, 5)
			r.secrets.Disable(names.RefreshToken)
		}, 6},
		{"after the access token, where the refresh tokens were purged", func(r *fixture) {
			r.upTo(old, 5)
			access := r.top(names.AccessToken)
			r.secrets = open(t).secrets
			_, err := r.secrets.Set(t.Context(), names.AccessToken, access.Value, access.Properties)
			require.NoError(t, err)
			r.vault = vault.New(r.secrets)
		}, 6},
		{"after another program's", func(r *fixture) {
			r.secrets.Put(names.RefreshToken, "fake-refresh-article-1")
			r.secrets.Put(names.RefreshToken, "fake-refresh-article-2")
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			r.secrets.Put(names.RefreshToken, fresh)
			current, _ := r.load()
			require.Equal(t, fresh, current.Value.Reveal())
			require.Equal(t, token.Provenance{Generation: tc.want, Fingerprint: current.Fingerprint, Consent: current.Fingerprint}, current.Provenance)

			// Its pair is stored like any other, the access token too.
			r.recordIntent(current)
			receipt := r.store(issuedFor(current, "new-7"))
			require.False(t, receipt.Superseded)
			_, access := r.load()
			require.Equal(t, tc.want+1, access.Generation)
		})
	}
}

func TestASpentTokenThatWasPutBackByHandDoesNotCount(t *testing.T) {
	for _, g := range []token.Generation{0, 3, 4} {
		r := open(t)
		r.upTo(old, 5)
		r.secrets.Put(names.RefreshToken, old.refresh(g).Reveal())
		current, _ := r.load()
		require.Equal(t, old.provenance(5), current.Provenance)

		// And the newest one's successor goes on top of it.
		r.recordIntent(current)
		require.False(t, r.store(old.entry(6)).Superseded)
		require.Equal(t, old.refresh(6), r.top(names.RefreshToken).Value)
		current, _ = r.load()
		require.Equal(t, old.provenance(6), current.Provenance)
	}
}

func TestTheNewestTokenPutThereAgainByHandIsStillGood(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	r.secrets.Put(names.RefreshToken, old.refresh(5).Reveal())
	current, _ := r.load()
	require.Equal(t, old.refresh(5), current.Value)
	require.Equal(t, token.Generation(6), current.Generation)
}

func TestAValueBesideAnotherOnesTagsWasPutThereByHand(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	current, _ := r.load()
	r.recordIntent(current)
	copied := r.top(names.RefreshToken).Properties
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, token.NewSecret("fake-refresh-new-6"), copied)
	require.NoError(t, err)

	current, _ = r.load()
	require.Equal(t, "fake-refresh-new-6", current.Value.Reveal())
	require.Equal(t, token.Provenance{Generation: 6, Fingerprint: current.Fingerprint, Consent: current.Fingerprint}, current.Provenance)
	require.Empty(t, current.UserID, "the user of the consent is not known yet")
	require.Empty(t, current.IntentRunID, "no run has recorded an intent")

	r.recordIntent(current)
	again, _ := r.load()
	require.Equal(t, current.Provenance, again.Provenance)
	require.Empty(t, again.UserID)
	require.Zero(t, again.ObtainedAt)
}

func TestASpentValueBesideTheNewestOnesTagsDoesNotCount(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 5)
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, old.refresh(3), r.top(names.RefreshToken).Properties)
	require.NoError(t, err)
	current, _ := r.load()
	require.Equal(t, old.provenance(5), current.Provenance)
}

func TestTwoRunsAgreeOnTheGenerationOfANewConsent(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	r.secrets.Put(names.RefreshToken, "fake-refresh-new-6")
	other, _ := r.load()
	r.at(3, func() { r.recordIntent(other) }) // between this run's read and its listing
	current, _ := r.load()
	require.Equal(t, other.Provenance, current.Provenance)
	require.Equal(t, run.RunID, current.IntentRunID)
}

func TestAConsentCountsMoreThanWhatWasInFlightWhenItWasGiven(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	r.at(2, func() { // between the store's read and its write
		r.secrets.Before = nil
		r.secrets.Put(names.RefreshToken, fresh)
		current, _ := r.load()
		r.recordIntent(current)
	})
	r.store(old.entry(5))
	r.secrets.Disable(names.AccessToken) // so that all versions are listed
	current, _ := r.load()
	require.Equal(t, fresh, current.Value.Reveal())
	require.Equal(t, token.Generation(5), current.Generation)
}

func TestAConsentIsNumberedByAListOfAllThatCameBeforeIt(t *testing.T) {
	r := open(t)
	r.secrets.Put(names.RefreshToken, old.refresh(0).Reveal())
	r.at(4, func() { // between this run's listing and its last read
		r.secrets.Before = nil
		current, _ := r.load()
		r.recordIntent(current)
		r.store(old.entry(1))
		r.secrets.Put(names.RefreshToken, fresh)
	})
	current, _ := r.load()
	require.Equal(t, fresh, current.Value.Reveal())
	require.Equal(t, token.Generation(2), current.Generation)
}
