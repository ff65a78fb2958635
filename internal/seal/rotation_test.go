package seal_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// sealedWith reads the key's number from the envelope's head, as Tink's wire
// format has it.
func sealedWith(envelope token.Sealed) seal.KeyID {
	return seal.KeyID(uint32(envelope[1])<<24 | uint32(envelope[2])<<16 | uint32(envelope[3])<<8 | uint32(envelope[4]))
}

func TestAnAddedKeyOpensButDoesNotSealUntilPromoted(t *testing.T) {
	ring, vault := newKeyring(t)
	old := mustSeal(t, ring)

	added, err := ring.AddKey(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, sealedWith(old), added)
	require.Equal(t, sealedWith(old), sealedWith(mustSeal(t, seal.New(vault))))

	require.NoError(t, ring.Promote(t.Context(), added))
	fresh := mustSeal(t, ring)
	require.Equal(t, added, sealedWith(fresh))
	requireOpens(t, ring, old)
	requireOpens(t, seal.New(vault.onlyCurrent()), old)
	requireOpens(t, seal.New(vault.onlyCurrent()), fresh)
}

func TestAWorkerFollowsARotationAtItsNextReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		operator, vault := newKeyring(t)
		worker := seal.New(vault)
		old := mustSeal(t, worker)

		added, err := operator.AddKey(t.Context())
		require.NoError(t, err)
		time.Sleep(seal.CacheLife)
		require.NoError(t, worker.Ready(t.Context()))
		require.NoError(t, operator.Promote(t.Context(), added))

		require.Equal(t, sealedWith(old), sealedWith(mustSeal(t, worker)))
		requireOpens(t, worker, mustSeal(t, operator))
		time.Sleep(seal.CacheLife)
		require.NoError(t, worker.Ready(t.Context()))
		require.Equal(t, added, sealedWith(mustSeal(t, worker)))
		requireOpens(t, worker, old)
	})
}

func TestAWorkerThatMissedARotationOpensWhatOthersSealWithTheNewKey(t *testing.T) {
	operator, vault := newKeyring(t)
	worker := seal.New(vault)
	require.NoError(t, worker.Ready(t.Context()))
	added, err := operator.AddKey(t.Context())
	require.NoError(t, err)
	require.NoError(t, operator.Promote(t.Context(), added))
	requireOpens(t, worker, mustSeal(t, operator))
}

func TestOnlyAKeyThatTheVaultHoldsCanBePromoted(t *testing.T) {
	ring, vault := newKeyring(t)
	absent := sealedWith(mustSeal(t, ring)) + 1
	require.ErrorIs(t, ring.Promote(t.Context(), absent), seal.ErrUnknownKey)
	require.Len(t, vault.versions, 1)
}

func TestTwoRotationsAtOnceKeepBothKeys(t *testing.T) {
	ring, vault := newKeyring(t)
	other := seal.New(vault)
	first, err := ring.AddKey(t.Context())
	require.NoError(t, err)
	second, err := other.AddKey(t.Context())
	require.NoError(t, err)
	require.NoError(t, ring.Promote(t.Context(), first))
	byFirst := mustSeal(t, ring)
	require.NoError(t, other.Promote(t.Context(), second))
	requireOpens(t, seal.New(vault.onlyCurrent()), byFirst)
}
