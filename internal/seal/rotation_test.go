package seal_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

func TestCreateLeavesAnExistingKeysetAlone(t *testing.T) {
	ring, vault := newKeyring(t)
	envelope := mustSeal(t, ring)
	second := seal.New(vault)
	created, err := second.Create(t.Context())
	require.NoError(t, err)
	require.False(t, created)
	require.Len(t, vault.versions, 1)
	requireOpens(t, second, envelope)
}

// Up to five workers create, seal and go on, while random delays decide the order
// of their calls. Each seed is another interleaving.
func TestHoweverCreatorsRaceOneCurrentKeysetOpensEverything(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			vault := &memory{}
			envelopes := make([]token.Sealed, 2+random.IntN(4))
			var workers sync.WaitGroup
			for i := range envelopes {
				delays := rand.New(rand.NewPCG(seed, uint64(i+1)))
				ring := seal.New(slow{vault, func() time.Duration {
					return time.Duration(delays.IntN(1000)) * time.Millisecond
				}})
				workers.Go(func() {
					_, err := ring.Create(t.Context())
					require.NoError(t, err)
					envelopes[i] = mustSeal(t, ring)
				})
			}
			workers.Wait()

			current := seal.New(vault.onlyCurrent())
			for _, envelope := range envelopes {
				requireOpens(t, current, envelope)
			}
			require.LessOrEqual(t, len(vault.versions), 3*len(envelopes), "racers must not fight")
		})
	}
}

func TestACreatorThatDiesBeforeMergingLosesNothing(t *testing.T) {
	first, vault := newKeyring(t)
	early := mustSeal(t, first)
	died, other := newKeyring(t)
	vault.put(other.keyset(0), seal.Created, 0)

	requireOpens(t, seal.New(vault), early)
	requireOpens(t, first, mustSeal(t, died))
}

func TestCreatorsInStepWriteTheSameMergedKeyset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &memory{}
		var workers sync.WaitGroup
		for range 2 {
			ring := seal.New(slow{vault, func() time.Duration { return time.Second }})
			workers.Go(func() {
				created, err := ring.Create(t.Context())
				require.NoError(t, err)
				require.True(t, created)
			})
		}
		workers.Wait()
		require.Len(t, vault.versions, 4, "one of each, and each one's merged keyset")
		require.JSONEq(t, string(vault.keyset(2)), string(vault.keyset(3)))
	})
}

func TestCreateNeverReplacesACorruptKeyset(t *testing.T) {
	vault := by([]byte("not a keyset"))
	created, err := seal.New(vault).Create(t.Context())
	require.ErrorIs(t, err, seal.ErrCorrupt)
	require.False(t, created)
	require.Len(t, vault.versions, 1)
}

// restless is a vault in which another worker's keyset always comes last.
type restless struct{ *memory }

func (r restless) Put(ctx context.Context, keyset []byte, step seal.Step, key seal.KeyID) (string, error) {
	id, err := r.memory.Put(ctx, keyset, step, key)
	if err != nil {
		return "", err
	}
	other := &memory{}
	if _, err := seal.New(other).Create(ctx); err != nil {
		return "", err
	}
	_, err = r.memory.Put(ctx, other.keyset(0), seal.Created, 0)
	return id, err
}

func TestCreateGivesUpWhenOthersNeverStopWriting(t *testing.T) {
	vault := &memory{}
	_, err := seal.New(restless{vault}).Create(t.Context())
	require.ErrorContains(t, err, "others kept replacing TokenKeeperKeyset")
	require.Less(t, len(vault.versions), 50)
}

// breaking goes down after a number of writes or reads.
type breaking struct {
	*memory
	writes, reads int
}

func (b *breaking) Put(ctx context.Context, keyset []byte, step seal.Step, key seal.KeyID) (string, error) {
	if b.writes--; b.writes < 0 {
		return "", errVaultDown
	}
	return b.memory.Put(ctx, keyset, step, key)
}

func (b *breaking) Keysets(ctx context.Context) ([]seal.Version, error) {
	if b.reads--; b.reads < 0 {
		return nil, errVaultDown
	}
	return b.memory.Keysets(ctx)
}

func TestAVaultThatBreaksMidwayStopsTheChange(t *testing.T) {
	create := func(r *seal.Keyring) error { _, err := r.Create(t.Context()); return err }
	addKey := func(r *seal.Keyring) error { _, err := r.AddKey(t.Context()); return err }
	var existing seal.KeyID
	promote := func(r *seal.Keyring) error { return r.Promote(t.Context(), existing) }

	filled := &memory{}
	owner := seal.New(filled)
	_, err := owner.Create(t.Context())
	require.NoError(t, err)
	existing, err = owner.AddKey(t.Context())
	require.NoError(t, err)

	for name, c := range map[string]struct {
		vault  breaking
		change func(*seal.Keyring) error
		says   string
	}{
		"create, no write":    {breaking{&memory{}, 0, 9}, create, "write TokenKeeperKeyset"},
		"create, no reread":   {breaking{&memory{}, 9, 1}, create, "look at the new keyset"},
		"create, no read":     {breaking{filled.onlyCurrent(), 0, 0}, create, "look for the keyset"},
		"add, no read":        {breaking{filled.onlyCurrent(), 9, 0}, addKey, "add a key"},
		"add, no write":       {breaking{filled.onlyCurrent(), 0, 9}, addKey, "write TokenKeeperKeyset"},
		"promote, no read":    {breaking{filled.onlyCurrent(), 9, 0}, promote, "promote key"},
		"promote, no write":   {breaking{filled.onlyCurrent(), 0, 9}, promote, "write TokenKeeperKeyset"},
		"promote, no re-read": {breaking{filled.onlyCurrent(), 9, 1}, promote, "read TokenKeeperKeyset"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.change(seal.New(&c.vault))
			require.ErrorIs(t, err, errVaultDown)
			require.ErrorContains(t, err, c.says)
		})
	}
}

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
