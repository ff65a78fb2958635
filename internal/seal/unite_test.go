package seal_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"tokenkeeper/internal/seal"
)

func TestOneVersionThatIsDisabledByHandBricksNoWorkerThatStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, ids := thrice(t)
		time.Sleep(time.Hour)
		require.NoError(t, seal.New(vault).Retire(t.Context(), ids[1]))
		for i := range vault.versions {
			before := vault.versions[i]
			require.NoError(t, vault.Disable(t.Context(), before.ID))
			ring := seal.New(vault)
			require.NoError(t, ring.Ready(t.Context()), before.ID)
			require.Equal(t, ids[2], sealedWith(mustSeal(t, ring)), before.ID)
			vault.versions[i] = before
		}
	})
}

// The versions with the first key and the second one are disabled by hand, and what is left
// has no key of the oldest version.
func TestAKeysetThatLacksAStepSaysWhichVersionToEnableAndIsNotWrittenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, ids := thrice(t)
		for _, id := range ids[:2] {
			require.NoError(t, seal.New(vault).Retire(t.Context(), id))
		}
		kept := append([]seal.Version(nil), vault.versions...)
		for _, id := range []string{"v2", "v3", "v4", "v5", "v6"} {
			require.NoError(t, vault.Disable(t.Context(), id))
		}
		operator := seal.New(vault)
		require.ErrorIs(t, operator.Ready(t.Context()), seal.ErrChanged)
		require.ErrorContains(t, operator.Ready(t.Context()), "version v4 is disabled, and may show that it is yours: enable it again")
		report, err := operator.Inspect(t.Context())
		require.NoError(t, err)
		require.Equal(t, "v4", report.Bridge)
		_, err = operator.AddKey(t.Context())
		require.ErrorContains(t, err, "enable version v4 again, or disable version v7 if it is a stranger's")
		require.ErrorContains(t, operator.Destroy(t.Context(), ids[2]), "enable version v4 again")
		require.Len(t, vault.versions, len(kept))

		for i, want := range []string{"v4", "v5", "v6", "v3", "v2"} { // as it says, until it is content
			if i > 0 && operator.Ready(t.Context()) == nil {
				require.Equal(t, ids[2], sealedWith(mustSeal(t, operator)))
				return
			}
			for j := range kept {
				if kept[j].ID == want {
					vault.versions[j] = kept[j]
				}
			}
		}
		t.Fatal("not believed though all versions are enabled")
	})
}

func TestAStrangersKeysetIsDisabledThoughItsTagsPointAtADisabledVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault := newKeyring(t)
		theirs := stranger(t)
		key := sealedWith(mustSeal(t, seal.New(by(theirs))))
		time.Sleep(time.Hour)
		require.NoError(t, vault.Disable(t.Context(), vault.put(theirs, seal.Added, key)))
		top := vault.put(theirs, seal.Promoted, key)
		_, err := seal.New(vault).AddKey(t.Context())
		require.ErrorContains(t, err, "disable version "+top)
		require.NoError(t, vault.Disable(t.Context(), top))
		_, err = seal.New(vault).AddKey(t.Context())
		require.NoError(t, err)
		require.NoError(t, ring.Ready(t.Context()))
	})
}

// Its own program tags what it writes; by hand, a key is added before it seals.
func TestAKeysetWithAKnownKeyIsBelievedWhereItsTagHoldsAndTheKeyIsNotRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault := newKeyring(t)
		next := withOwnPrimary(t, vault.keyset(0))
		top := sealedWith(mustSeal(t, seal.New(by(next))))
		old := sealedWith(mustSeal(t, ring))
		for name, c := range map[string]struct {
			step     seal.Step
			key      seal.KeyID
			believed bool
		}{
			"the step that it shows": {seal.Promoted, top, true},
			"a step of another key":  {seal.Promoted, old, false},
			"a union":                {seal.Merged, 0, false},
			"a creation":             {seal.Created, top, false},
			"none":                   {"", 0, false},
		} {
			time.Sleep(2 * time.Minute)
			vault.put(next, c.step, c.key)
			err := seal.New(vault).Ready(t.Context())
			require.Equal(t, c.believed, err == nil, "%s: %v", name, err)
			vault.versions = vault.versions[:1]
		}

		added, err := ring.AddKey(t.Context())
		require.NoError(t, err)
		require.NoError(t, ring.Promote(t.Context(), added))
		require.NoError(t, ring.Retire(t.Context(), old))
		time.Sleep(time.Hour)
		vault.put(next, seal.Promoted, top)
		for _, r := range []*seal.Keyring{ring, seal.New(vault)} {
			require.ErrorIs(t, r.Ready(t.Context()), seal.ErrChanged, "its only known key is retired")
		}
	})
}

// As an older revision made them, which tagged nothing.
func TestCreatorsOfKeysetsWithoutTagsAreBelievedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 10 { // in either order of the keys' numbers
			one, other := stranger(t), stranger(t)
			byOne, byOther := mustSeal(t, seal.New(by(one))), mustSeal(t, seal.New(by(other)))
			h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(other)))
			require.NoError(t, err)
			entry, err := h.Primary()
			require.NoError(t, err)
			merged := rewritten(t, one, func(m *keyset.Manager) {
				_, err := m.AddKey(entry.Key())
				require.NoError(t, err)
				require.NoError(t, m.SetPrimary(min(entry.KeyID(), uint32(sealedWith(byOne)))))
			})
			vault := by(one, other, merged)
			requireOpens(t, seal.New(vault), byOne)
			requireOpens(t, seal.New(vault), byOther)
			require.NoError(t, seal.New(vault).Ready(t.Context()))
			time.Sleep(2 * time.Minute)
			vault.put(stranger(t), "", 0)
			require.ErrorIs(t, seal.New(vault).Ready(t.Context()), seal.ErrChanged)
		}
	})
}

func TestAWorkerOpensWithItsNewerKeyThoughAnOlderBackupWasRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault, old, _ := rotated(t)
		envelope := mustSeal(t, ring)
		vault.versions = vault.versions[:1]
		for range 3 {
			time.Sleep(seal.CacheLife)
			require.NoError(t, ring.Ready(t.Context()))
			require.Equal(t, old, sealedWith(mustSeal(t, ring)), "a key that the vault holds")
			requireOpens(t, ring, envelope)
		}
	})
}
