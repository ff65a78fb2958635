package seal_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// rotated has two keys, of which the first one sealed the envelope.
func rotated(t *testing.T) (ring *seal.Keyring, vault *memory, old seal.KeyID, envelope token.Sealed) {
	t.Helper()
	ring, vault = newKeyring(t)
	envelope = mustSeal(t, ring)
	added, err := ring.AddKey(t.Context())
	require.NoError(t, err)
	require.NoError(t, ring.Promote(t.Context(), added))
	return ring, vault, sealedWith(envelope), envelope
}

func TestARetiredKeyOpensNothingUntilThatIsTakenBack(t *testing.T) {
	ring, vault, old, envelope := rotated(t)
	require.NoError(t, ring.Retire(t.Context(), old))
	for _, r := range []*seal.Keyring{ring, seal.New(vault)} {
		_, err := r.Open(t.Context(), will, envelope)
		require.ErrorIs(t, err, seal.ErrUnknownKey)
		require.ErrorContains(t, err, "the key is retired, and comes back with: starter keys retire")
		requireOpens(t, r, mustSeal(t, r))
	}
	require.NoError(t, ring.Restore(t.Context(), old))
	requireOpens(t, seal.New(vault), envelope)
}

func TestADestroyedKeyIsInNoReadableVersion(t *testing.T) {
	ring, vault, old, _ := rotated(t)
	require.ErrorContains(t, ring.Destroy(t.Context(), old), "disable it first")
	require.NoError(t, ring.Retire(t.Context(), old))
	fresh := mustSeal(t, ring)
	require.NoError(t, ring.Destroy(t.Context(), old))
	require.NoError(t, ring.Destroy(t.Context(), old), "again changes nothing")

	report, err := seal.New(vault).Inspect(t.Context())
	require.NoError(t, err)
	require.Len(t, report.Keys, 1)
	require.Nil(t, report.Elsewhere)
	for _, v := range vault.versions {
		require.Equal(t, v.Step == seal.Destroyed, v.Enabled, "version %s", v.ID)
	}
	requireOpens(t, seal.New(vault), fresh)
}

func TestThePrimaryKeyIsNotRetired(t *testing.T) {
	ring, vault, old, _ := rotated(t)
	primary := sealedWith(mustSeal(t, ring))
	versions := len(vault.versions)
	require.ErrorIs(t, ring.Retire(t.Context(), primary), seal.ErrPrimary)
	require.ErrorIs(t, ring.Destroy(t.Context(), primary), seal.ErrPrimary)
	require.ErrorIs(t, ring.Retire(t.Context(), old+1), seal.ErrUnknownKey)
	require.Len(t, vault.versions, versions)
}

// Who has a key that has leaked and may write to the vault can make a keyset of it.
func TestARetiredKeyVouchesForNoKeyset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault, old, envelope := rotated(t)
		leaked := vault.keyset(0)
		require.NoError(t, ring.Retire(t.Context(), old))
		primary := sealedWith(mustSeal(t, ring))
		for _, top := range [][]byte{leaked, withOneMore(t, leaked), withOwnPrimary(t, leaked)} {
			time.Sleep(2 * time.Second) // the vault's times are whole seconds
			vault.put(top, "", 0)
			for _, r := range []*seal.Keyring{ring, seal.New(vault)} {
				report, err := r.Inspect(t.Context())
				require.NoError(t, err)
				require.NotNil(t, report.Elsewhere)
				require.Equal(t, primary, report.Primary)
				require.ErrorIs(t, r.Ready(t.Context()), seal.ErrChanged)
				_, err = r.Open(t.Context(), will, envelope)
				require.ErrorIs(t, err, seal.ErrUnknownKey)
			}
		}
	})
}

// Operators run their commands at once, from different machines. Each seed is another
// interleaving of their calls.
func TestHoweverOperatorsRaceNoKeyIsLostAndEveryChangeHolds(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			ring, vault, old, envelope := rotated(t)
			second := mustSeal(t, ring)
			operator := func(i uint64) *seal.Keyring {
				delays := rand.New(rand.NewPCG(seed, i))
				return seal.New(slow{vault, func() time.Duration { return time.Duration(delays.IntN(1000)) * time.Millisecond }})
			}
			added := make([]seal.KeyID, 3)
			sealed := make([]token.Sealed, 2)
			var operators sync.WaitGroup
			for i := range 2 { // two rotations
				operators.Go(func() {
					o := operator(uint64(i))
					var err error
					added[i], err = o.AddKey(t.Context())
					require.NoError(t, err)
					require.NoError(t, o.Promote(t.Context(), added[i]))
					sealed[i] = mustSeal(t, o)
				})
			}
			operators.Go(func() {
				o := operator(2)
				var err error
				added[2], err = o.AddKey(t.Context())
				require.NoError(t, err)
			})
			operators.Go(func() { require.NoError(t, operator(3).Retire(t.Context(), old)) })
			operators.Wait()

			current := seal.New(vault.onlyCurrent())
			requireOpens(t, current, second)
			for _, envelope := range sealed {
				requireOpens(t, current, envelope)
			}
			_, err := current.Open(t.Context(), will, envelope)
			require.ErrorIs(t, err, seal.ErrUnknownKey, "seed %d: the retired key is back", seed)
			report, err := current.Inspect(t.Context())
			require.NoError(t, err)
			require.Contains(t, added[:2], report.Primary, "seed %d: a promotion is undone", seed)
			require.Len(t, report.Keys, 5)
			require.Less(t, len(vault.versions), 40, "they must not fight")
		})
	}
}

func TestARotationThatWasInterruptedIsFound(t *testing.T) {
	ring, _ := newKeyring(t)
	report, err := ring.Inspect(t.Context())
	require.NoError(t, err)
	_, _, found := report.Pending()
	require.False(t, found)

	added, err := ring.AddKey(t.Context())
	require.NoError(t, err)
	report, err = ring.Inspect(t.Context())
	require.NoError(t, err)
	pending, since, found := report.Pending()
	require.True(t, found)
	require.Equal(t, added, pending)
	require.False(t, since.IsZero())

	require.NoError(t, ring.Promote(t.Context(), added))
	report, err = ring.Inspect(t.Context())
	require.NoError(t, err)
	_, _, found = report.Pending()
	require.False(t, found)
}
