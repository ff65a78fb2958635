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

// watched calls a function after each call that changes the vault, where a worker may start
// and a command may end.
type watched struct {
	*memory
	changed func()
}

func (w watched) Put(ctx context.Context, keyset []byte, step seal.Step, key seal.KeyID) (string, error) {
	id, err := w.memory.Put(ctx, keyset, step, key)
	w.changed()
	return id, err
}

func (w watched) Disable(ctx context.Context, id string) error {
	err := w.memory.Disable(ctx, id)
	w.changed()
	return err
}

// Each seed is another sequence of what starter keys does, each command in a process of its
// own, at once after the one before or later.
func TestAfterEveryCallOfEveryCommandAWorkerThatStartsBelievesTheKeyset(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			vault := &memory{}
			envelopes := map[seal.KeyID]token.Sealed{} // of keys that are not retired
			var retired []seal.KeyID
			open := func(ring *seal.Keyring) {
				require.NoError(t, ring.Ready(t.Context()), "seed %d", seed)
				for _, envelope := range envelopes {
					requireOpens(t, ring, envelope)
				}
			}
			command := func() *seal.Keyring {
				return seal.New(watched{vault, func() { open(seal.New(vault)) }})
			}
			_, err := command().Create(t.Context())
			require.NoError(t, err)
			worker := seal.New(vault)
			for range 25 {
				open(worker)
				primary := sealedWith(mustSeal(t, seal.New(vault)))
				envelopes[primary] = mustSeal(t, seal.New(vault))
				switch random.IntN(6) {
				case 0:
					_, err := command().AddKey(t.Context())
					require.NoError(t, err)
				case 1:
					added, err := command().AddKey(t.Context())
					require.NoError(t, err)
					require.NoError(t, command().Promote(t.Context(), added))
				case 2, 3:
					for id, envelope := range envelopes {
						if id == primary {
							continue
						}
						delete(envelopes, id)
						require.NoError(t, command().Retire(t.Context(), id))
						if random.IntN(3) > 0 {
							retired = append(retired, id)
							break
						}
						require.NoError(t, command().Restore(t.Context(), id))
						envelopes[id] = envelope
						break
					}
				default:
					if len(retired) > 0 {
						i := random.IntN(len(retired))
						require.NoError(t, command().Destroy(t.Context(), retired[i]))
						retired = append(retired[:i], retired[i+1:]...)
					}
				}
				time.Sleep(time.Duration(random.IntN(3)) * seal.CacheLife)
			}
		})
	}
}

// Operators rotate while another one destroys a key. Each seed is another interleaving.
func TestADestructionThatRacesRotationsLeavesAKeysetToBelieve(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			ring, vault, old, _ := rotated(t)
			envelopes := []token.Sealed{mustSeal(t, ring), nil, nil}
			require.NoError(t, ring.Retire(t.Context(), old))
			time.Sleep(time.Hour)
			operator := func(i uint64) *seal.Keyring {
				delays := rand.New(rand.NewPCG(seed, i))
				return seal.New(slow{vault, func() time.Duration { return time.Duration(delays.IntN(3000)) * time.Millisecond }})
			}
			var operators sync.WaitGroup
			for i := range 2 {
				operators.Go(func() {
					o := operator(uint64(i))
					added, err := o.AddKey(t.Context())
					require.NoError(t, err)
					require.NoError(t, o.Promote(t.Context(), added))
					envelopes[i+1] = mustSeal(t, o)
				})
			}
			operators.Go(func() { require.NoError(t, operator(2).Destroy(t.Context(), old)) })
			operators.Wait()
			for range 2 { // a writer that had not seen it may have brought the retired key back
				for _, r := range []*seal.Keyring{ring, seal.New(vault)} {
					require.NoError(t, r.Ready(t.Context()), "seed %d", seed)
					for _, envelope := range envelopes {
						requireOpens(t, r, envelope)
					}
				}
				require.NoError(t, seal.New(vault).Destroy(t.Context(), old))
			}
		})
	}
}

// thrice has keys of three rotations: v1 to v5.
func thrice(t *testing.T) (vault *memory, ids [3]seal.KeyID) {
	t.Helper()
	ring, vault := newKeyring(t)
	ids[0] = sealedWith(mustSeal(t, ring))
	for i := range 2 {
		time.Sleep(seal.RotationPause)
		var err error
		ids[i+1], err = ring.AddKey(t.Context())
		require.NoError(t, err)
		time.Sleep(seal.RotationPause)
		require.NoError(t, ring.Promote(t.Context(), ids[i+1]))
	}
	return vault, ids
}

func TestADestructionLeavesAKeysetThatAWorkerThatStartsBelieves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, ids := thrice(t)
		envelope := mustSeal(t, seal.New(vault))
		require.NoError(t, seal.New(vault).Retire(t.Context(), ids[1]))
		time.Sleep(time.Hour)
		theirs := vault.put(stranger(t), "", 0)
		time.Sleep(time.Hour)
		command := seal.New(watched{vault, func() { require.NoError(t, seal.New(vault).Ready(t.Context())) }})
		require.NoError(t, command.Destroy(t.Context(), ids[1]))

		ring := seal.New(vault)
		require.NoError(t, ring.Ready(t.Context()))
		requireOpens(t, ring, envelope)
		report, err := ring.Inspect(t.Context())
		require.NoError(t, err)
		for _, v := range report.Versions {
			require.Equal(t, v.Step == seal.Destroyed, v.State == seal.VersionTrusted, "%+v; the stranger's is %s", v, theirs)
		}
	})
}

// A destruction that ends after any of its calls is taken up again.
func TestADestructionThatWasInterruptedHarmsNothing(t *testing.T) {
	for calls := range 8 {
		synctest.Test(t, func(t *testing.T) {
			vault, ids := thrice(t)
			require.NoError(t, seal.New(vault).Retire(t.Context(), ids[1]))
			envelope := mustSeal(t, seal.New(vault))
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			_ = seal.New(ending{vault, &calls, stop}).Destroy(ctx, ids[1])
			for range 2 {
				ring := seal.New(vault)
				require.NoError(t, ring.Ready(t.Context()), "after %d calls", calls)
				requireOpens(t, ring, envelope)
				require.NoError(t, seal.New(vault).Destroy(t.Context(), ids[1]))
			}
		})
	}
}

// ending ends the context after a number of changes.
type ending struct {
	*memory
	calls *int
	stop  func()
}

func (e ending) Disable(ctx context.Context, id string) error {
	if *e.calls--; *e.calls < 0 {
		e.stop()
		return ctx.Err()
	}
	return e.memory.Disable(ctx, id)
}

// A rotation waits between its two steps; what it remembers is not written back.
func TestARotationBringsNoKeyBackThatWasDestroyedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, vault, old, envelope := rotated(t)
		time.Sleep(time.Hour)
		rotation := seal.New(vault)
		added, err := rotation.AddKey(t.Context())
		require.NoError(t, err)
		time.Sleep(seal.RotationPause / 3)
		require.NoError(t, seal.New(vault).Retire(t.Context(), old))
		time.Sleep(seal.RotationPause / 3)
		require.NoError(t, seal.New(vault).Destroy(t.Context(), old))
		time.Sleep(seal.RotationPause / 3)
		require.NoError(t, rotation.Promote(t.Context(), added))
		_, err = seal.New(vault).Open(t.Context(), will, envelope)
		require.ErrorIs(t, err, seal.ErrUnknownKey)
		report, err := seal.New(vault).Inspect(t.Context())
		require.NoError(t, err)
		require.Nil(t, report.Elsewhere)
		require.Len(t, report.Keys, 2)
	})
}
