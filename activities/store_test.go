package activities_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

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
	twin := token.NewSecret(canary + "twin")
	_, err := s.vault.Set(t.Context(), "RefreshToken", twin, vault.Properties{Tags: map[string]string{
		"generation": "1", "fingerprint": string(twin.Fingerprint()), "parent": "0123456789abcdef", "consent": string(called.Provenance.Consent),
	}})
	require.NoError(t, err)
	_, err = s.store(called)
	message := requireFailure(t, err, activities.GenerationConflict, true)
	require.Contains(t, message, "find out which one the provider still takes")
	require.Equal(t, twin.Reveal(), s.held())
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
}

// A worker of an older version has let them through, and the pair is genuine.
func TestNoPairIsGivenUpForItsWords(t *testing.T) {
	for name, spoil := range map[string]func(*system, *activities.RefreshResult){
		"the spent token": func(s *system, r *activities.RefreshResult) { r.Scopes = []string{"sleep", s.held()} },
		"many scopes":     func(_ *system, r *activities.RefreshResult) { r.Scopes = slices.Repeat([]string{"sleep"}, 300) },
		"a long scope":    func(_ *system, r *activities.RefreshResult) { r.Scopes = []string{strings.Repeat("s", 600)} },
		"a long user id":  func(_ *system, r *activities.RefreshResult) { r.UserID = strings.Repeat("u", 600) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			called := s.issued()
			spent := s.held()
			spoil(s, &called)
			_, err := s.store(called)
			require.NoError(t, err)
			s.requireNewestIs(called)
			for _, version := range append(s.vault.All("RefreshToken"), s.vault.All("AccessToken")...) {
				require.NotContains(t, fmt.Sprint(version.Tags), spent)
			}
		})
	}
}

func TestWhatNoCallReturnedIsNotStored(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*activities.RefreshResult)
		say   string
	}{
		{"nothing at all", func(r *activities.RefreshResult) { *r = activities.RefreshResult{} }, "names no account"},
		{"no envelope", func(r *activities.RefreshResult) { r.Pair = nil }, "has no sealed pair"},
		{"no refresh token", func(r *activities.RefreshResult) { r.Provenance = token.Provenance{} }, "has no provenance"},
		{"generation 0 of a rotation", func(r *activities.RefreshResult) { r.Provenance.Generation = 0 }, "names no token that generation 0 was issued for"},
		{"an envelope that was altered", func(r *activities.RefreshResult) { r.Pair[len(r.Pair)-1] ^= 1 }, "the envelope does not open"},
		{"an envelope of another account", func(r *activities.RefreshResult) { r.Account.Name = "will" }, "the envelope does not open"},
		{"an envelope of another provider", func(r *activities.RefreshResult) { r.Account.Provider = "xero" }, "the envelope does not open"},
		{"another provider's names", func(r *activities.RefreshResult) { r.Account.SecretsOf = "withings" }, "the envelope does not open"},
		{"another generation", func(r *activities.RefreshResult) { r.Provenance.Generation = 99 }, "the envelope does not open"},
		{"another parent", func(r *activities.RefreshResult) { r.Provenance.Parent = "0123456789abcdef" }, "the envelope does not open"},
		{"another consent", func(r *activities.RefreshResult) { r.Provenance.Consent = "0123456789abcdef" }, "the envelope does not open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			called := s.issued()
			before := s.held()
			c.spoil(&called)
			_, err := s.store(called)
			require.Contains(t, requireFailure(t, err, activities.UnexpectedResult, true), c.say)
			require.Equal(t, before, s.held())
			require.Empty(t, s.vault.All("AccessToken"))
		})
	}
}

// A pair in hand is kept for longer than an input without one.
func TestAPairOfAnUnknownProviderIsKept(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	called.Account.Provider = "brand-new"
	_, err := perform[activities.StoreResult](s, attempt{asked: 9 * time.Minute}, "StoreSecrets", called)
	requireFailure(t, err, "ProviderUnknown", false)
	_, err = perform[activities.StoreResult](s, attempt{asked: time.Hour}, "StoreSecrets", called)
	requireFailure(t, err, "VaultNotReady", false)
}

func TestASupersededPairSaysWhetherTheVaultHasANewerAccessToken(t *testing.T) {
	for _, c := range []struct {
		name  string
		newer func(*system)
		want  bool
	}{
		{"of a later generation", func(s *system) {
			_, err := s.store(s.issued())
			require.NoError(s.t, err)
		}, true},
		{"a consent has come, and no access token", func(*system) {}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			late := s.issued()
			consent, _ := s.provider.CreateGrant("USER-1")
			s.vault.Put("RefreshToken", consent)
			c.newer(s)
			stored, err := s.store(late)
			require.NoError(t, err)
			require.True(t, stored.Superseded)
			require.Equal(t, c.want, stored.AccessTokenNewer)
			require.True(t, c.want || stored.AccessTokenVersion == "", "no version of another grant's access token is named")
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
