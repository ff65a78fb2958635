package seal_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

const secret = "fake-refresh-token-1"

var will = seal.Binding{
	Kind:       "pair",
	Account:    token.Account{Provider: "fitbit", Name: "will"},
	Provenance: token.Provenance{Generation: 3, Fingerprint: "f3", Parent: "f2", Consent: "f0"},
	Names:      []string{"will-RefreshToken", "will-AccessToken"},
}

// newKeyring has a keyset of its own in a vault of its own.
func newKeyring(t *testing.T) (*seal.Keyring, *memory) {
	t.Helper()
	vault := &memory{}
	ring := seal.New(vault)
	created, err := ring.Create(t.Context())
	require.NoError(t, err)
	require.True(t, created)
	return ring, vault
}

func mustSeal(t *testing.T, ring *seal.Keyring) token.Sealed {
	t.Helper()
	envelope, err := ring.Seal(t.Context(), will, []byte(secret))
	require.NoError(t, err)
	return envelope
}

func requireOpens(t *testing.T, ring *seal.Keyring, envelope token.Sealed) {
	t.Helper()
	plaintext, err := ring.Open(t.Context(), will, envelope)
	require.NoError(t, err)
	require.Equal(t, secret, string(plaintext))
}

func TestAnotherWorkerOpensWhatWasSealed(t *testing.T) {
	ring, vault := newKeyring(t)
	envelope := mustSeal(t, ring)
	require.NotContains(t, string(envelope), secret)
	requireOpens(t, seal.New(vault), envelope)
}

func TestEqualSecretsLookDifferentWhenSealed(t *testing.T) {
	ring, _ := newKeyring(t)
	require.NotEqual(t, mustSeal(t, ring), mustSeal(t, ring))
}

func TestAnEnvelopeOpensOnlyUnderItsBinding(t *testing.T) {
	ring, _ := newKeyring(t)
	envelope := mustSeal(t, ring)
	for name, change := range map[string]func(*seal.Binding){
		"another kind":             func(b *seal.Binding) { b.Kind = "grant" },
		"another provider":         func(b *seal.Binding) { b.Account.Provider = "xero" },
		"another account":          func(b *seal.Binding) { b.Account.Name = "anna" },
		"another provider's names": func(b *seal.Binding) { b.Account.SecretsOf = "xero" },
		"another generation":       func(b *seal.Binding) { b.Provenance.Generation++ },
		"another token":            func(b *seal.Binding) { b.Provenance.Fingerprint = "f9" },
		"another parent":           func(b *seal.Binding) { b.Provenance.Parent = "f9" },
		"no parent":                func(b *seal.Binding) { b.Provenance.Parent = "" },
		"another consent":          func(b *seal.Binding) { b.Provenance.Consent = "f9" },
		"another secret's name":    func(b *seal.Binding) { b.Names = []string{"RefreshToken", "AccessToken"} },
		"names in another order":   func(b *seal.Binding) { b.Names = []string{"will-AccessToken", "will-RefreshToken"} },
		"a name fewer":             func(b *seal.Binding) { b.Names = b.Names[:1] },
		"names run together":       func(b *seal.Binding) { b.Names = []string{"will-RefreshTokenwill-AccessToken"} },
		"letters moved from one name to the next": func(b *seal.Binding) {
			b.Account = token.Account{Provider: "fitbitw", Name: "ill"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			other := will
			change(&other)
			_, err := ring.Open(t.Context(), other, envelope)
			require.ErrorIs(t, err, seal.ErrTampered)
			require.ErrorContains(t, err, "seal: open "+other.String())
		})
	}
}

func TestAnAlteredEnvelopeDoesNotOpen(t *testing.T) {
	ring, _ := newKeyring(t)
	good := mustSeal(t, ring)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	otherVersion := bytes.Clone(good)
	otherVersion[0] = 0
	for name, envelope := range map[string]token.Sealed{
		"empty":              nil,
		"only a head":        good[:5],
		"cut short":          good[:len(good)-1],
		"one bit flipped":    flipped,
		"not Tink's version": otherVersion,
		"the plaintext":      token.Sealed(secret + secret),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ring.Open(t.Context(), will, envelope)
			require.ErrorIs(t, err, seal.ErrTampered)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func TestWithoutAKeysetEveryCallSaysSo(t *testing.T) {
	ring := seal.New(&memory{})
	envelope := mustSeal(t, func() *seal.Keyring { r, _ := newKeyring(t); return r }())

	_, sealErr := ring.Seal(t.Context(), will, []byte(secret))
	_, openErr := ring.Open(t.Context(), will, envelope)
	_, addErr := ring.AddKey(t.Context())
	for _, err := range []error{sealErr, openErr, addErr, ring.Ready(t.Context()), ring.Promote(t.Context(), 1)} {
		require.ErrorIs(t, err, seal.ErrNoKeyset)
		require.ErrorContains(t, err, "TokenKeeperKeyset")
		require.ErrorContains(t, err, "start a worker")
	}
}

func TestAVaultThatIsDownIsReportedAsSuch(t *testing.T) {
	vault := &memory{down: true}
	ring := seal.New(vault)
	_, createErr := ring.Create(t.Context())
	for _, err := range []error{ring.Ready(t.Context()), createErr} {
		require.ErrorIs(t, err, errVaultDown)
		require.ErrorContains(t, err, "read TokenKeeperKeyset")
	}
}

func TestOnceReadTheKeyringSealsAndOpensWithoutTheVault(t *testing.T) {
	ring, vault := newKeyring(t)
	vault.setDown(true)
	requireOpens(t, ring, mustSeal(t, ring))
}

func TestReadyAsksTheVaultAgainWhenItsCopyIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, vault := newKeyring(t)
		before := vault.readCount()
		require.NoError(t, ring.Ready(t.Context()))
		require.Equal(t, before, vault.readCount(), "a fresh copy is good enough")

		time.Sleep(seal.CacheLife)
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() { require.NoError(t, ring.Ready(t.Context())) })
		}
		calls.Wait()
		require.Equal(t, before+1, vault.readCount(), "ten callers share one read")

		time.Sleep(seal.CacheLife)
		vault.setDown(true)
		require.ErrorIs(t, ring.Ready(t.Context()), errVaultDown)
		requireOpens(t, ring, mustSeal(t, ring))
	})
}

func TestAnUnknownKeyReloadsOnceAndThenRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, _ := newKeyring(t)
		hopeless := mustSeal(t, other)
		ring, vault := newKeyring(t)
		before := vault.readCount()

		for range 10 {
			_, err := ring.Open(t.Context(), will, hopeless)
			require.ErrorIs(t, err, seal.ErrUnknownKey)
		}
		require.Equal(t, before+1, vault.readCount())

		time.Sleep(seal.ReloadPause)
		_, err := ring.Open(t.Context(), will, hopeless)
		require.ErrorIs(t, err, seal.ErrUnknownKey)
		require.Equal(t, before+2, vault.readCount())
	})
}

func TestAnUnknownKeyThatTheVaultDoesNotGetToShowIsTheVaultsError(t *testing.T) {
	other, _ := newKeyring(t)
	ring, vault := newKeyring(t)
	vault.setDown(true)
	_, err := ring.Open(t.Context(), will, mustSeal(t, other))
	require.ErrorIs(t, err, errVaultDown)
	require.NotErrorIs(t, err, seal.ErrUnknownKey)
}

func TestWaitingForAnothersReadEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, vault := newKeyring(t)
		ring := seal.New(slow{vault, func() time.Duration { return time.Hour }})
		var slowReader sync.WaitGroup
		slowReader.Go(func() { require.NoError(t, ring.Ready(t.Context())) })
		defer slowReader.Wait()
		synctest.Wait()

		stop := errors.New("shutting down")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, stop)
		defer cancel()
		require.ErrorIs(t, ring.Ready(ctx), stop)
		other, _ := newKeyring(t)
		_, err := ring.Open(ctx, will, mustSeal(t, other))
		require.ErrorIs(t, err, stop)
	})
}
