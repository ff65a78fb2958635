package activities_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestAPairIsStoredOnceHoweverOftenItIsStored(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	first, err := s.store(called)
	require.NoError(t, err)
	s.requireHeldIsLive()
	require.Equal(t, s.vault.All("RefreshToken")[1].Version, first.RefreshTokenVersion)
	require.Equal(t, s.vault.All("AccessToken")[0].Version, first.AccessTokenVersion)
	require.Equal(t, called.Expiry.Unix(), s.vault.All("AccessToken")[0].Expires.Unix())

	s.coldKeyring() // as on another worker
	again, err := s.store(called)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Len(t, s.vault.All("RefreshToken"), 2)
	require.Len(t, s.vault.All("AccessToken"), 1)
	require.Equal(t, []string{"refreshed", "refreshed"}, s.metrics.stored)
}

func TestTheRefreshTokenIsStoredFirst(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	s.refuse("set", "AccessToken", vault.ErrUnavailable)
	_, err := s.store(called)
	requireFailure(t, err, "VaultNotReady", false)
	require.True(t, s.provider.IsLive(s.held()))
	require.Empty(t, s.vault.All("AccessToken"))
}

func TestAPairThatComesLateIsSuperseded(t *testing.T) {
	s := newSystem(t)
	late := s.issued()
	_, err := s.store(late)
	require.NoError(t, err)
	newer := s.issued()
	_, err = s.store(newer)
	require.NoError(t, err)

	stored, err := s.store(late)
	require.NoError(t, err)
	require.True(t, stored.Superseded)
	s.requireNewestIs(newer)
	require.Equal(t, []string{"refreshed", "refreshed", "superseded"}, s.metrics.stored)
}

func (s *system) requireNewestIs(c activities.RefreshResult) {
	s.t.Helper()
	require.Equal(s.t, c.Provenance.Fingerprint, token.NewSecret(s.held()).Fingerprint())
}

func TestTwoTokensOfOneGenerationAreAConflict(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	_, err := s.store(called)
	require.NoError(t, err)
	twin := called
	twin.Provenance.Fingerprint = "0123456789abcdef"
	_, err = s.store(twin)
	message := requireFailure(t, err, activities.GenerationConflict, true)
	require.Contains(t, message, "find out which one the provider still takes")
	s.requireNewestIs(called)
}

func TestAPairThatCannotBeStoredIsKeptWhateverTheReason(t *testing.T) {
	for _, kind := range []error{
		vault.ErrDenied, vault.ErrReadOnly, vault.ErrThrottled, vault.ErrUnavailable, vault.ErrCredential, vault.ErrRejected, vault.ErrNotFound, vault.ErrMalformed,
	} {
		t.Run(kind.Error(), func(t *testing.T) {
			s := newSystem(t)
			called := s.issued()
			s.refuse("set", "RefreshToken", kind)
			_, err := s.store(called)
			message := requireFailure(t, err, "VaultNotReady", false)
			require.Contains(t, message, "vault: set RefreshToken: "+kind.Error())
		})
	}
	for name, spoil := range map[string]func(*activities.RefreshResult){
		"an envelope that does not open": func(c *activities.RefreshResult) { c.Pair[len(c.Pair)-1] ^= 1 },
		"an unknown provider":            func(c *activities.RefreshResult) { c.Account.Provider = "nobody" },
		"an envelope of another account": func(c *activities.RefreshResult) { c.Account.Name = "will" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			called := s.issued()
			spoil(&called)
			_, err := s.store(called)
			requireFailure(t, err, "VaultNotReady", false)
		})
	}
}

func TestADeletedSecretIsRecoveredForThePair(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	s.vault.Delete("RefreshToken")
	_, err := s.store(called)
	require.NoError(t, err)
	s.requireHeldIsLive()
}

const tooLong = "is too long: it has 30000 bytes, and Key Vault takes 25600"

// issuing is a token endpoint whose access tokens have a length.
func issuing(t *testing.T, length int) setup {
	return setup{tokenURL: answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"access_token":"%s","refresh_token":"%snext","expires_in":28800,"token_type":"Bearer","user_id":"USER-1"}`, strings.Repeat("a", length), canary)
	})}
}

func TestAnAccessTokenThatIsTooLongIsNamedOnceTheRefreshTokenIsStored(t *testing.T) {
	s := newSystemWith(t, issuing(t, 30000))
	issued := s.issued()
	require.Equal(t, tooLong, issued.AccessProblem)
	_, err := s.store(issued)
	require.Equal(t, "vault: set AccessToken: the access token of generation 1 "+tooLong+"; the refresh token is stored; if it goes on, ask Fitbit for fewer scopes",
		requireFailure(t, err, activities.MalformedSecret, true))
	require.Equal(t, canary+"next", s.held())
	require.Empty(t, s.vault.All("AccessToken"))
	require.Empty(t, s.metrics.stored)
	require.Equal(t, issued.Provenance, s.mustLoad().Provenance, "the next run goes on with it")
}

func TestARefreshTokenThatIsTooLongIsNamedAndDoesNotCostTheAccessToken(t *testing.T) {
	s := newSystemWith(t, setup{tokenURL: answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"access_token":"%snext","refresh_token":"%s","expires_in":28800,"token_type":"Bearer","user_id":"USER-1"}`, canary, strings.Repeat("r", 30000))
	})})
	issued := s.issued()
	require.Equal(t, tooLong, issued.RefreshProblem)
	require.False(t, issued.Rotated)
	before := s.held()
	_, err := s.store(issued)
	require.Equal(t, "vault: set RefreshToken: the refresh token after generation 0 "+tooLong+", so the grant ends with it; ask Fitbit for fewer scopes and have the account owner consent again",
		requireFailure(t, err, activities.MalformedSecret, true))
	require.Equal(t, before, s.held())
	require.Equal(t, canary+"next", s.vault.All("AccessToken")[0].Value.Reveal())
}

func TestAPairIsKeptWhileNotEvenTheRefreshTokenOfATooLongAccessTokenIsStored(t *testing.T) {
	s := newSystemWith(t, issuing(t, 30000))
	issued := s.issued()
	s.refuse("set", "RefreshToken", vault.ErrDenied)
	_, err := s.store(issued)
	requireFailure(t, err, "VaultNotReady", false)
}

func TestAnAccessTokenThatIsTooLongAndSupersededIsNoFailure(t *testing.T) {
	s := newSystemWith(t, issuing(t, 30000))
	issued := s.issued()
	s.vault.Put("RefreshToken", canary+"of-a-new-consent")
	stored, err := s.store(issued)
	require.NoError(t, err)
	require.True(t, stored.Superseded)
}
