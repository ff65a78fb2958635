package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestTheFirstTokenIsAConsentOfGenerationZero(t *testing.T) {
	r := open(t)
	r.secrets.Put(names.RefreshToken, "fake-refresh-old-0\n") // as from a file
	held, access := r.load()
	require.Equal(t, old.provenance(0), held.Provenance)
	require.Equal(t, old.refresh(0), held.Value)
	require.Empty(t, held.IntentRunID)
	require.Zero(t, access)
}

func TestANewConsentGoesOnFromTheAccountsGenerations(t *testing.T) {
	const fresh = "fake-refresh-new-6"
	for _, tc := range []struct {
		name  string
		given func(*room)
		want  token.Generation
	}{
		{"after the stored ones", func(r *room) { r.upTo(old, 5) }, 6},
		{"after a disabled one", func(r *room) {
			r.upTo(old, 5)
			r.secrets.Disable(names.RefreshToken)
		}, 6},
		{"after the access token, where the refresh tokens were purged", func(r *room) {
			r.upTo(old, 5)
			access := r.top(names.AccessToken)
			r.secrets = open(t).secrets
			_, err := r.secrets.Set(t.Context(), names.AccessToken, access.Value, access.Properties)
			require.NoError(t, err)
			r.vault = vault.New(r.secrets)
		}, 6},
		{"after another program's", func(r *room) {
			r.secrets.Put(names.RefreshToken, "fake-refresh-article-1")
			r.secrets.Put(names.RefreshToken, "fake-refresh-article-2")
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			r.secrets.Put(names.RefreshToken, fresh)
			held, _ := r.load()
			require.Equal(t, fresh, held.Value.Reveal())
			require.Equal(t, token.Provenance{Generation: tc.want, Fingerprint: held.Fingerprint, Consent: held.Fingerprint}, held.Provenance)

			// Its pair is stored like any other, the access token too.
			r.begin(held)
			receipt := r.store(issuedFor(held, "new-7"))
			require.False(t, receipt.Superseded)
			_, access := r.load()
			require.Equal(t, tc.want+1, access.Generation)
		})
	}
}

func TestASpentTokenThatAPersonPutBackDoesNotCount(t *testing.T) {
	for _, g := range []token.Generation{0, 3, 4} {
		r := open(t)
		r.upTo(old, 5)
		r.secrets.Put(names.RefreshToken, old.refresh(g).Reveal())
		held, _ := r.load()
		require.Equal(t, old.provenance(5), held.Provenance)

		// And what comes of the newest goes on top of it.
		r.begin(held)
		require.False(t, r.store(old.entry(6)).Superseded)
		require.Equal(t, old.refresh(6), r.top(names.RefreshToken).Value)
		held, _ = r.load()
		require.Equal(t, old.provenance(6), held.Provenance)
	}
}

func TestTheNewestTokenPutThereAgainByHandIsStillGood(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	r.secrets.Put(names.RefreshToken, old.refresh(5).Reveal())
	held, _ := r.load()
	require.Equal(t, old.refresh(5), held.Value)
	require.Equal(t, token.Generation(6), held.Generation)
}

func TestAValueBesideAnotherOnesTagsWasPutThereByHand(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	held, _ := r.load()
	r.begin(held)
	copied := r.top(names.RefreshToken).Properties
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, token.NewSecret("fake-refresh-new-6"), copied)
	require.NoError(t, err)

	held, _ = r.load()
	require.Equal(t, "fake-refresh-new-6", held.Value.Reveal())
	require.Equal(t, token.Provenance{Generation: 6, Fingerprint: held.Fingerprint, Consent: held.Fingerprint}, held.Provenance)
	require.Empty(t, held.UserID, "whose consent it is nobody knows yet")
	require.Empty(t, held.IntentRunID, "no run has begun with it")

	r.begin(held)
	again, _ := r.load()
	require.Equal(t, held.Provenance, again.Provenance)
	require.Empty(t, again.UserID)
	require.Zero(t, again.ObtainedAt)
}

func TestASpentValueBesideTheNewestOnesTagsDoesNotCount(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 5)
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, old.refresh(3), r.top(names.RefreshToken).Properties)
	require.NoError(t, err)
	held, _ := r.load()
	require.Equal(t, old.provenance(5), held.Provenance)
}

func TestTwoRunsAgreeOnTheGenerationOfANewConsent(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	r.secrets.Put(names.RefreshToken, "fake-refresh-new-6")
	other, _ := r.load()
	r.at(3, func() { r.begin(other) }) // between this run's read and its listing
	held, _ := r.load()
	require.Equal(t, other.Provenance, held.Provenance)
	require.Equal(t, run.RunID, held.IntentRunID)
}

func TestAConsentCountsMoreThanWhatWasInFlightWhenItWasGiven(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	r.at(2, func() { // between the store's look and its write
		r.secrets.Before = nil
		r.secrets.Put(names.RefreshToken, fresh)
		held, _ := r.load()
		r.begin(held)
	})
	r.store(old.entry(5))
	r.secrets.Disable(names.AccessToken) // so that all versions are looked at
	held, _ := r.load()
	require.Equal(t, fresh, held.Value.Reveal())
	require.Equal(t, token.Generation(5), held.Generation)
}

func TestAConsentIsNumberedByAListOfAllThatCameBeforeIt(t *testing.T) {
	r := open(t)
	r.secrets.Put(names.RefreshToken, old.refresh(0).Reveal())
	r.at(4, func() { // between this run's listing and its last look
		r.secrets.Before = nil
		held, _ := r.load()
		r.begin(held)
		r.store(old.entry(1))
		r.secrets.Put(names.RefreshToken, fresh)
	})
	held, _ := r.load()
	require.Equal(t, fresh, held.Value.Reveal())
	require.Equal(t, token.Generation(2), held.Generation)
}
