package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// moved are the account's names once it is Google Health's.
var moved = vault.Names{RefreshToken: names.RefreshToken, AccessToken: names.AccessToken, Credentials: "GoogleHealthCredentials", Provider: "google-health", SharedWith: "fitbit"}

// byHand is a refresh token of Google's under Fitbit's names, as docs/google-health.md says.
func (r *fixture) byHand(value string, tags map[string]string) {
	r.t.Helper()
	_, err := r.secrets.Set(r.t.Context(), moved.RefreshToken, token.NewSecret(value), vault.Properties{Tags: tags})
	require.NoError(r.t, err)
}

// ofGoogle is the tag that says whose such a token is.
var ofGoogle = map[string]string{"provider": "google-health"}

// move puts Google's refresh token on top by hand, which Google's first run numbers.
func (r *fixture) move() vault.RefreshToken {
	r.t.Helper()
	r.byHand("fake-refresh-of-google", ofGoogle)
	current, _, err := r.vault.Load(r.t.Context(), moved, 0)
	require.NoError(r.t, err)
	a := token.Account{Provider: "google-health", Name: "will", SecretsOf: "fitbit"}
	require.NoError(r.t, r.vault.RecordIntent(r.t.Context(), moved, a, current, vault.Run{WorkflowID: "refresh-google", RunID: "run-of-google"}, current.Intents()))
	return current
}

func TestATokenOfAnotherProviderIsNeverHandedOut(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	require.Equal(t, token.Generation(4), r.move().Generation, "generations go on over the move")
	_, _, err := r.vault.Load(t.Context(), names, 0)
	require.ErrorIs(t, err, vault.ErrOtherProvider)
	require.False(t, vault.Retryable(err))
	require.EqualError(t, err, "vault: read will-RefreshToken: another provider's token (generation 4 there is of google-health, and this is for fitbit); "+
		"if the account has moved to google-health, end what refreshes it at fitbit: starter stop; if not, store its refresh token of fitbit there again: starter authorize")

	current, _, err := r.vault.Load(t.Context(), moved, 0)
	require.NoError(t, err)
	require.Equal(t, "fake-refresh-of-google", current.Value.Reveal())
}

func TestARefreshThatWasInFlightWhenTheAccountMovedIsSuperseded(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	current, _ := r.load()
	late := issuedFor(current, "late")
	r.move()
	receipt := r.store(late)
	require.True(t, receipt.Superseded)
	require.Equal(t, "fake-refresh-of-google", r.top(names.RefreshToken).Value.Reveal())
	require.Equal(t, old.access(3), r.top(names.AccessToken).Value)
}

func TestAnOldTokenWrittenOverTheMoveIsPassedOver(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	current, _ := r.load()
	late := issuedFor(current, "late")
	r.move()
	// A writer that read before the move and writes after it.
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, late.RefreshToken, vault.Properties{Tags: r.tagsOf(late)})
	require.NoError(t, err)
	google, _, err := r.vault.Load(t.Context(), moved, 0)
	require.NoError(t, err)
	require.Equal(t, "fake-refresh-of-google", google.Value.Reveal())
}

func TestNothingOfTheOldProviderIsFoundInPlaceOfADeadGrant(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	dead := r.move()
	a := token.Account{Provider: "google-health", Name: "will", SecretsOf: "fitbit"}
	advanced, err := r.vault.PromoteSuccessor(t.Context(), moved, a, dead.Provenance, run)
	require.NoError(t, err)
	require.False(t, advanced)
	require.Equal(t, "fake-refresh-of-google", r.top(names.RefreshToken).Value.Reveal())
}

// tagsOf are the tags that a store gives an entry.
func (r *fixture) tagsOf(e vault.Entry) map[string]string {
	r.t.Helper()
	elsewhere := open(r.t)
	elsewhere.store(e)
	return elsewhere.top(names.RefreshToken).Tags
}

func TestEndingWhatWasLeftBehindTouchesNothingOfTheMovedAccount(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	current := r.move()
	a := token.Account{Provider: "google-health", Name: "will", SecretsOf: "fitbit"}
	issued := vault.Entry{Account: a, Provenance: current.Provenance, Pair: token.Pair{AccessToken: token.NewSecret("fake-access-of-google"), Issue: token.Issue{ObtainedAt: old.entry(9).ObtainedAt}}}
	_, err := r.vault.Store(t.Context(), moved, issued, run)
	require.NoError(t, err)
	r.secrets.Disable(moved.RefreshToken) // so that Load cannot see whose it is

	pair, err := r.vault.Tokens(t.Context(), names)
	require.NoError(t, err)
	require.True(t, pair.AccessToken.Empty(), "another provider's token is handed out")
	_, err = r.vault.Disable(t.Context(), names)
	require.NoError(t, err)
	top, err := r.secrets.Get(t.Context(), moved.AccessToken, "")
	require.NoError(t, err, "it was disabled")
	require.Equal(t, "fake-access-of-google", top.Value.Reveal())
}

// An access token by hand under another provider's names is revoked and disabled by neither.
func TestAnAccessTokenOfUnknownProviderIsSentToNone(t *testing.T) {
	r := open(t)
	r.move()
	r.secrets.Put(moved.AccessToken, "fake-access-of-fitbit")
	pair, err := r.vault.Tokens(t.Context(), moved)
	require.NoError(t, err)
	require.True(t, pair.AccessToken.Empty(), "Fitbit's access token goes to Google")
	_, err = r.vault.Disable(t.Context(), moved)
	require.NoError(t, err)
	_, err = r.secrets.Get(t.Context(), moved.AccessToken, "")
	require.NoError(t, err, "it was disabled")
}
