package seal_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"tokenkeeper/internal/seal"
)

// stranger is a keyset that has nothing to do with any other.
func stranger(t *testing.T) []byte { return made(t, aead.AES256GCMKeyTemplate()) }

// rewritten changes a keyset with Tink's own manager.
func rewritten(t *testing.T, from []byte, change func(*keyset.Manager)) []byte {
	t.Helper()
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(from)))
	require.NoError(t, err)
	m := keyset.NewManagerFromHandle(h)
	change(m)
	h, err = m.Handle()
	require.NoError(t, err)
	return encoded(t, h)
}

// withOwnPrimary has all keys of a keyset and one more, which seals.
func withOwnPrimary(t *testing.T, from []byte) []byte {
	return rewritten(t, from, func(m *keyset.Manager) {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		require.NoError(t, err)
		require.NoError(t, m.SetPrimary(id))
	})
}

func withOneMore(t *testing.T, from []byte) []byte {
	return rewritten(t, from, func(m *keyset.Manager) {
		_, err := m.Add(aead.AES256GCMKeyTemplate())
		require.NoError(t, err)
	})
}

// A worker that runs, and one that starts, meet what is on top of a keyset.
func TestNothingIsSealedWithAPrimaryKeyThatComesFromElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		top     func(t *testing.T, first []byte) []byte
		changed bool
	}{
		"another keyset":                      {func(t *testing.T, _ []byte) []byte { return stranger(t) }, true},
		"the same keys and a new primary one": {withOwnPrimary, true},
		"another key under the same number": {func(t *testing.T, first []byte) []byte {
			id := bytes.SplitN(bytes.SplitN(first, []byte(`"primaryKeyId":`), 2)[1], []byte(","), 2)[0]
			theirs := stranger(t)
			own := bytes.SplitN(bytes.SplitN(theirs, []byte(`"primaryKeyId":`), 2)[1], []byte(","), 2)[0]
			return bytes.ReplaceAll(theirs, own, id)
		}, true},
		"the same keyset":                 {func(_ *testing.T, first []byte) []byte { return first }, false},
		"the same primary and a new key":  {withOneMore, false},
		"what is no keyset":               {func(*testing.T, []byte) []byte { return []byte("overwritten") }, false},
		"a stranger's, claiming the step": {func(t *testing.T, _ []byte) []byte { return stranger(t) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				running, vault := newKeyring(t)
				before := mustSeal(t, running)
				time.Sleep(2 * seal.CacheLife)
				vault.put(c.top(t, vault.keyset(0)), seal.Promoted, 0)

				for kind, ring := range map[string]*seal.Keyring{"running": running, "started": seal.New(vault)} {
					err := ring.Ready(t.Context())
					if c.changed {
						require.ErrorIs(t, err, seal.ErrChanged, kind)
						require.ErrorContains(t, err, "version v2 of TokenKeeperKeyset has key", kind)
					} else {
						require.NoError(t, err, kind)
					}
					require.Equal(t, sealedWith(before), sealedWith(mustSeal(t, ring)), kind)
					requireOpens(t, ring, before)
				}
			})
		})
	}
}

func TestWhatOnlyAStrangersKeyOpensIsRefusedForAsLongAsItIsOne(t *testing.T) {
	ring, vault := newKeyring(t)
	theirs := by(stranger(t))
	forged := mustSeal(t, seal.New(theirs))
	vault.put(theirs.keyset(0), "", 0)
	_, err := ring.Open(t.Context(), will, forged)
	require.ErrorIs(t, err, seal.ErrChanged)
}

func TestAStrangersVersionIsOverOnceItIsDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault := newKeyring(t)
		id := vault.put(stranger(t), "", 0)
		time.Sleep(seal.CacheLife)
		require.ErrorIs(t, ring.Ready(t.Context()), seal.ErrChanged)
		require.NoError(t, vault.Disable(t.Context(), id))
		require.NoError(t, ring.Ready(t.Context()), "a changed keyset is read again at once")
	})
}

// The two steps of a rotation by hand, such as with Tink's own tool.
func TestAKeyThatWasAddedBeforeItSealsIsBelieved(t *testing.T) {
	ring, vault := newKeyring(t)
	added := withOneMore(t, vault.keyset(0))
	vault.put(added, "", 0)
	vault.put(rewritten(t, added, func(m *keyset.Manager) {
		h, err := m.Handle()
		require.NoError(t, err)
		for _, info := range h.KeysetInfo().GetKeyInfo() {
			if info.GetKeyId() != h.KeysetInfo().GetPrimaryKeyId() {
				require.NoError(t, m.SetPrimary(info.GetKeyId()))
				return
			}
		}
	}), "", 0)
	require.NoError(t, seal.New(vault).Ready(t.Context()))
	report, err := ring.Inspect(t.Context())
	require.NoError(t, err)
	require.Nil(t, report.Elsewhere)
	require.NotEqual(t, report.Keys[0].Primary, report.Keys[1].Primary)
}

// A running worker remembers its keys, whatever becomes of the older versions.
func TestARunningWorkerDoesNotBelieveAKeysetThatHasReplacedItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault := newKeyring(t)
		before := mustSeal(t, ring)
		require.NoError(t, vault.Disable(t.Context(), "v1"))
		vault.put(stranger(t), seal.Created, 0)
		time.Sleep(seal.CacheLife)

		require.ErrorIs(t, ring.Ready(t.Context()), seal.ErrChanged)
		require.Equal(t, sealedWith(before), sealedWith(mustSeal(t, ring)), "pairs already issued go on")
		requireOpens(t, ring, before)
		require.NoError(t, seal.New(vault).Ready(t.Context()), "one that starts has nothing else to believe")
	})
}

func TestARotationPutsTheTrustedKeysOnTopOfAStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault := newKeyring(t)
		before := mustSeal(t, ring)
		time.Sleep(2 * seal.CacheLife)
		vault.put(stranger(t), "", 0)

		operator := seal.New(vault)
		added, err := operator.AddKey(t.Context())
		require.NoError(t, err)
		require.NoError(t, ring.Ready(t.Context()))
		require.Equal(t, sealedWith(before), sealedWith(mustSeal(t, ring)))
		require.NoError(t, operator.Promote(t.Context(), added))
		report, err := ring.Inspect(t.Context())
		require.NoError(t, err)
		require.Nil(t, report.Elsewhere)
		require.Equal(t, added, report.Primary)
		untrusted := 0
		for _, key := range report.Keys {
			if key.Status == seal.KeyUntrusted {
				untrusted++
			}
		}
		require.Equal(t, 1, untrusted)
	})
}

// Who may write tags, and read no key.
func TestATagThatTheKeysDoNotBearOutChangesNothing(t *testing.T) {
	ring, vault, old, envelope := rotated(t)
	now := sealedWith(mustSeal(t, ring))
	for _, step := range []seal.Step{seal.Disabled, seal.Destroyed, seal.Promoted} {
		for i := range vault.versions {
			for _, key := range []seal.KeyID{old, now} {
				before := vault.versions[i]
				if step == seal.Promoted && (before.Step == seal.Promoted || key == old) {
					continue // that is what its keys say, or what an older one says of its own
				}
				vault.versions[i].Step, vault.versions[i].Key = step, key
				report, err := seal.New(vault).Inspect(t.Context())
				require.NoError(t, err)
				require.Nil(t, report.Elsewhere)
				for _, k := range report.Keys {
					require.Equal(t, seal.KeyEnabled, k.Status, "%s %d on version %d", step, key, i)
				}
				requireOpens(t, seal.New(vault), envelope)
				vault.versions[i] = before
			}
		}
	}
}

// Every way to tag the three versions of a rotation: they say that keys were retired that
// never were, also before there was such a key.
func TestHoweverTheVersionsOfARotationAreTaggedWhatItSealsWithOpens(t *testing.T) {
	ring, vault, old, _ := rotated(t)
	envelope := mustSeal(t, ring)
	steps := []seal.Step{seal.Merged, seal.Added, seal.Promoted, seal.Disabled, seal.Enabled, seal.Destroyed}
	ids := []seal.KeyID{old, sealedWith(envelope)}
	tags := len(steps) * len(ids)
	for n := range tags * tags * tags {
		for i := range vault.versions {
			vault.versions[i].Step, vault.versions[i].Key = steps[n%len(steps)], ids[n/len(steps)%len(ids)]
			n /= tags
		}
		report, err := seal.New(vault).Inspect(t.Context())
		require.NoError(t, err)
		require.Nil(t, report.Elsewhere, "%+v", report.Versions)
		requireOpens(t, seal.New(vault), envelope)
		report, err = ring.Inspect(t.Context())
		require.NoError(t, err)
		require.Nil(t, report.Elsewhere, "%+v", report.Versions)
		requireOpens(t, ring, envelope)
	}
}

// The version that added the key to destroy is written with a key that was itself added
// after the one whose tag was edited.
func TestATagDestroysNoKeyThatALaterRotationAdds(t *testing.T) {
	ring, vault, _, _ := rotated(t)
	added, err := ring.AddKey(t.Context())
	require.NoError(t, err)
	require.NoError(t, ring.Promote(t.Context(), added))
	envelope := mustSeal(t, ring)
	vault.versions[0].Step, vault.versions[0].Key = seal.Destroyed, added
	vault.versions[3].Step, vault.versions[3].Key = seal.Merged, 0
	for _, r := range []*seal.Keyring{ring, seal.New(vault)} {
		report, err := r.Inspect(t.Context())
		require.NoError(t, err)
		require.Nil(t, report.Elsewhere)
		require.Equal(t, added, report.Primary)
		requireOpens(t, r, envelope)
	}
}

// Versions that hold a key are disabled by hand, and a tag calls it destroyed.
func TestAKeyThatAWorkerSealedWithOpensThoughNoVersionHoldsItAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault, _, _ := rotated(t)
		envelope := mustSeal(t, ring)
		vault.versions[0].Step, vault.versions[0].Key = seal.Destroyed, sealedWith(envelope)
		require.NoError(t, vault.Disable(t.Context(), "v2"))
		require.NoError(t, vault.Disable(t.Context(), "v3"))
		for range 3 {
			time.Sleep(seal.CacheLife)
			require.NoError(t, ring.Ready(t.Context()))
			requireOpens(t, ring, envelope)
		}
	})
}

// A worker that the vault was away for has seen neither the retirement nor the end of a key
// that has leaked.
func TestADestroyedKeyVouchesForNoKeysetToAWorkerThatRemembersIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		operator, vault, old, _ := rotated(t)
		leaked := vault.keyset(0)
		worker := seal.New(vault)
		require.NoError(t, worker.Ready(t.Context()))
		time.Sleep(time.Hour)
		require.NoError(t, operator.Retire(t.Context(), old))
		require.NoError(t, operator.Destroy(t.Context(), old))
		time.Sleep(time.Hour)
		first := withOneMore(t, leaked)
		vault.put(first, "", 0)
		vault.put(rewritten(t, first, func(m *keyset.Manager) {
			h, err := m.Handle()
			require.NoError(t, err)
			for _, info := range h.KeysetInfo().GetKeyInfo() {
				if info.GetKeyId() != uint32(old) {
					require.NoError(t, m.SetPrimary(info.GetKeyId()))
				}
			}
		}), "", 0)
		for _, r := range []*seal.Keyring{worker, seal.New(vault)} {
			require.ErrorIs(t, r.Ready(t.Context()), seal.ErrChanged)
		}
	})
}

// Versions as a stranger might write and tag them, in any number and order. Each seed is
// another vault.
func TestWhateverVersionsThereAreAKeyThatIsTrustedSeals(t *testing.T) {
	first := by(stranger(t))
	keysets := [][]byte{first.keyset(0), withOneMore(t, first.keyset(0)), withOwnPrimary(t, first.keyset(0)), stranger(t), []byte("no keyset")}
	keysets = append(keysets, withOwnPrimary(t, keysets[2]), withOneMore(t, keysets[3]))
	var ids []seal.KeyID
	for _, k := range keysets[:4] {
		ids = append(ids, sealedWith(mustSeal(t, seal.New(by(k)))))
	}
	steps := []seal.Step{"", "", seal.Created, seal.Merged, seal.Added, seal.Promoted, seal.Disabled, seal.Enabled, seal.Destroyed}
	for seed := range uint64(800) {
		random := rand.New(rand.NewPCG(seed, 1))
		vault := &memory{}
		rings := []*seal.Keyring{seal.New(vault), seal.New(vault)} // one that has seen all, and one that starts
		at := time.Now().Truncate(time.Second).Add(-time.Hour)
		for range 1 + random.IntN(7) {
			at = at.Add(time.Duration(random.IntN(50)) * time.Second)
			vault.put(keysets[random.IntN(len(keysets))], steps[random.IntN(len(steps))], ids[random.IntN(len(ids))])
			last := &vault.versions[len(vault.versions)-1]
			last.Created = at
			if random.IntN(5) == 0 {
				require.NoError(t, vault.Disable(t.Context(), last.ID))
			}
			report, err := rings[0].Inspect(t.Context())
			if errors.Is(err, seal.ErrCorrupt) {
				continue
			}
			require.NoError(t, err)
			envelope := mustSeal(t, rings[0])
			require.Equal(t, report.Primary, sealedWith(envelope), "seed %d", seed)
			requireOpens(t, rings[0], envelope)
			require.NoError(t, rings[0].Probe(report.Primary), "seed %d", seed)
		}
		if rings[1].Ready(t.Context()) == nil { // then its keyset can be rotated
			added, err := rings[1].AddKey(t.Context())
			require.NoError(t, err)
			require.NoError(t, rings[1].Promote(t.Context(), added))
			require.Equal(t, added, sealedWith(mustSeal(t, seal.New(vault))), "seed %d", seed)
		}
	}
}
