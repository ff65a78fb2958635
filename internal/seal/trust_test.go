package seal_test

import (
	"bytes"
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
