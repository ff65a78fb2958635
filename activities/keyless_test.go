package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/pace"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// loseKey has the worker start again with a keyset that knows nothing of the old one, as
// where a vault was replaced or its keyset purged.
func (s *system) loseKey() {
	s.t.Helper()
	elsewhere := seal.New(vault.NewKeysets(&memvault.Vault{}))
	_, err := elsewhere.Create(s.t.Context())
	require.NoError(s.t, err)
	s.Keyring = elsewhere
}

func TestAPairWhoseKeyIsGoneWaitsAndSaysSo(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	key := s.Keyring
	s.loseKey()
	_, err := s.store(called)
	message := requireFailure(t, err, activities.KeysetUnusable, false)
	require.Contains(t, message, "open the pair of generation 1 of fitbit/default: ")
	require.Contains(t, message, "it waits for its key in TokenKeeperKeyset: recover the secret and all of its versions, or where they are gone, have the account owner consent again (starter authorize), which ends this wait")
	require.Len(t, s.vault.All("RefreshToken"), 1)

	s.Keyring = key // recovered
	_, err = s.store(called)
	require.NoError(t, err)
	s.requireHeldIsLive()
}

// It comes back each minute, and writes nothing.
func TestAPairWhoseKeyIsGoneTakesNoTurnAtTheVault(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	s.Pace = pace.New(26)
	s.Pace.Throttled(time.Hour)
	_, err := s.store(called)
	requireFailure(t, err, "AwaitsTurn", false)
	s.loseKey()
	_, err = s.store(called)
	requireFailure(t, err, activities.KeysetUnusable, false)
}

func TestANewConsentEndsTheWaitForAKeyThatIsGone(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	s.loseKey()
	s.vault.Put("RefreshToken", canary+"consent")
	s.vault.Put("AccessToken", canary+"access-of-consent")
	stored, err := s.store(called)
	require.NoError(t, err)
	require.True(t, stored.Superseded)
	require.True(t, stored.AccessTokenNewer)
	require.Equal(t, canary+"consent", s.held())
	require.Contains(t, s.said.String(), "a pair that cannot be opened is given up, because the vault has a newer one")
}

// Neither the token that was spent for the pair nor an older one that a late writer put on
// top of it says that the pair is not wanted.
func TestNothingButANewerTokenEndsTheWaitForAKey(t *testing.T) {
	s := newSystem(t)
	first := s.issued()
	_, err := s.store(first)
	require.NoError(t, err)
	second := s.issued()
	s.loseKey()
	for _, tc := range []struct {
		name string
		put  func()
	}{ // each on top of those before it
		{"the spent token", func() {}},
		{"the spent one, untagged", func() { s.vault.Put("RefreshToken", s.held()) }},
		{"an older one of its own", func() {
			old := s.vault.All("RefreshToken")[0]
			_, err := s.vault.Set(t.Context(), "RefreshToken", old.Value, vault.Properties{Tags: old.Tags})
			require.NoError(t, err)
		}},
		{"a generation before it", func() {
			stale := token.NewSecret(canary + "stale")
			_, err := s.vault.Set(t.Context(), "RefreshToken", stale, vault.Properties{Tags: map[string]string{
				"generation": "1", "fingerprint": string(stale.Fingerprint()), "parent": "0123456789abcdef", "consent": string(second.Provenance.Consent),
			}})
			require.NoError(t, err)
		}},
	} {
		tc.put()
		held := s.held()
		_, err = s.store(second)
		requireFailure(t, err, activities.KeysetUnusable, false)
		require.Equal(t, held, s.held(), tc.name)
	}
}
