package seal_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"tokenkeeper/internal/seal"
)

// made returns a keyset of any kind, made by Tink itself.
func made(t *testing.T, template *tinkpb.KeyTemplate) []byte {
	t.Helper()
	h, err := keyset.NewHandle(template)
	require.NoError(t, err)
	return encoded(t, h)
}

func encoded(t *testing.T, h *keyset.Handle) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)))
	return b.Bytes()
}

func TestACorruptKeysetAloneIsAnError(t *testing.T) {
	_, vault := newKeyring(t)
	good := vault.keyset(0)
	for name, version := range map[string][]byte{
		"empty":                           {},
		"not JSON":                        []byte("hunter2"),
		"cut short":                       good[:len(good)/2],
		"JSON of something else":          []byte(`{"client_id":"fake-client"}`),
		"no keys":                         []byte(`{"primaryKeyId":1,"key":[]}`),
		"key material damaged":            bytes.Replace(good, []byte(`"value":"`), []byte(`"value":"%`), 1),
		"another primitive":               made(t, mac.HMACSHA256Tag128KeyTemplate()),
		"AES-128":                         made(t, aead.AES128GCMKeyTemplate()),
		"no key number in the envelope":   made(t, aead.AES256GCMNoPrefixKeyTemplate()),
		"another cipher of the same kind": made(t, aead.ChaCha20Poly1305KeyTemplate()),
	} {
		t.Run(name, func(t *testing.T) {
			err := seal.New(by(version)).Ready(t.Context())
			require.ErrorIs(t, err, seal.ErrCorrupt)
			require.NotContains(t, err.Error(), "hunter2")
			require.ErrorContains(t, err, "TokenKeeperKeyset")
		})
	}
}

func TestACorruptVersionIsSkippedWhileAnotherOpens(t *testing.T) {
	ring, vault := newKeyring(t)
	envelope := mustSeal(t, ring)
	vault.put([]byte("overwritten by mistake"), "", 0)

	restarted := seal.New(vault)
	require.NoError(t, restarted.Ready(t.Context()))
	requireOpens(t, restarted, envelope)
	requireOpens(t, restarted, mustSeal(t, restarted))
}

func TestAKeysetThatTinkMadeWorks(t *testing.T) {
	vault := by(made(t, aead.AES256GCMKeyTemplate()))
	ring := seal.New(vault)
	requireOpens(t, ring, mustSeal(t, ring))
}

func TestADisabledKeyDoesNotOpen(t *testing.T) {
	ring, vault := newKeyring(t)
	old := mustSeal(t, ring)
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(vault.keyset(0))))
	require.NoError(t, err)
	m := keyset.NewManagerFromHandle(h)
	next, err := m.Add(aead.AES256GCMKeyTemplate())
	require.NoError(t, err)
	require.NoError(t, m.SetPrimary(next))
	require.NoError(t, m.Disable(uint32(sealedWith(old))))
	h, err = m.Handle()
	require.NoError(t, err)

	without := seal.New(by(encoded(t, h)))
	require.NoError(t, without.Ready(t.Context()))
	_, err = without.Open(t.Context(), will, old)
	require.ErrorIs(t, err, seal.ErrUnknownKey)
}

func TestAReadThatFindsNothingUsableKeepsTheKeysInMemory(t *testing.T) {
	ring, vault := newKeyring(t)
	vault.versions = by([]byte("overwritten by mistake")).versions
	require.ErrorIs(t, seal.New(vault).Ready(t.Context()), seal.ErrCorrupt)
	_, err := ring.AddKey(t.Context())
	require.ErrorIs(t, err, seal.ErrCorrupt)
	requireOpens(t, ring, mustSeal(t, ring))
}
