package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// A keyset of a fake key, and the secret sealed with it. Both are fixed: sealed
// pairs outlive the release that made them, in workflow histories.
const (
	goldenKeyset   = `{"primaryKeyId":1234567890,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey","value":"GiBmYWtlLWtleS1mYWtlLWtleS1mYWtlLWtleS1mYWtlIQ==","keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":1234567890,"outputPrefixType":"TINK"}]}`
	goldenEnvelope = "AUmWAtLgH8lUvrVEVLidlZmpb3LL2dMRgcqMbj57Wx6H/ShyRAMyCp+tRKcUfBCuBUGgEiE="
)

func decodeGolden(t testing.TB) token.Sealed {
	t.Helper()
	envelope, err := base64.StdEncoding.DecodeString(goldenEnvelope)
	require.NoError(t, err)
	return envelope
}

func TestAnEnvelopeOfAnEarlierReleaseOpens(t *testing.T) {
	ring := seal.New(by([]byte(goldenKeyset)))
	requireOpens(t, ring, decodeGolden(t))
}

// FuzzOpen feeds arbitrary bytes as an envelope, and as a version of the keyset on top of
// a good one. Whatever they are: nothing panics, what was sealed before still opens, no
// other envelope does, and nothing is sealed with another key.
func FuzzOpen(f *testing.F) {
	sealed := decodeGolden(f)
	f.Add([]byte(sealed), []byte(goldenKeyset))
	f.Add([]byte(sealed[:20]), []byte(`{"primaryKeyId":1}`))
	f.Add([]byte{1, 0, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, envelope, version []byte) {
		ring := seal.New(by([]byte(goldenKeyset), version))
		got, err := ring.Open(t.Context(), will, sealed)
		require.NoError(t, err)
		require.Equal(t, secret, string(got))
		again, err := ring.Seal(t.Context(), will, []byte(secret))
		require.NoError(t, err)
		require.Equal(t, sealedWith(sealed), sealedWith(again))

		_, err = ring.Open(t.Context(), will, token.Sealed(envelope))
		switch {
		case err == nil:
			require.True(t, bytes.Equal(sealed, envelope), "an envelope opened that was never sealed")
		case !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrUnknownKey) && !errors.Is(err, seal.ErrChanged):
			t.Fatalf("unexpected kind of error: %v", err)
		}
	})
}

// FuzzKeyset feeds arbitrary bytes as the only version of the keyset. Either it is no
// keyset, or it seals and opens, and a rotation keeps its keys; its bytes are in no error.
func FuzzKeyset(f *testing.F) {
	f.Add([]byte(goldenKeyset))
	f.Add([]byte(strings.ReplaceAll(goldenKeyset, "ENABLED", "DISABLED")))
	f.Add([]byte(strings.ReplaceAll(goldenKeyset, "1234567890", "0")))
	f.Add([]byte(strings.ReplaceAll(goldenKeyset, "TINK", "RAW")))
	f.Add([]byte(strings.ReplaceAll(goldenKeyset, `"key":[`, `"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey","value":"GiBmYWtlLWtleS1mYWtlLWtleS1mYWtlLWtleS1mYWtlIQ==","keyMaterialType":"SYMMETRIC"},"status":"DISABLED","keyId":7,"outputPrefixType":"TINK"},`)))
	f.Add([]byte(`{"primaryKeyId":1,"key":[]}`))
	f.Fuzz(func(t *testing.T, version []byte) {
		vault := by(version)
		ring := seal.New(vault)
		if err := ring.Ready(t.Context()); err != nil {
			require.ErrorIs(t, err, seal.ErrCorrupt)
			require.NotContains(t, err.Error(), "fake-key")
			return
		}
		report, err := ring.Inspect(t.Context())
		require.NoError(t, err)
		require.NoError(t, ring.Probe(report.Primary))
		before := mustSeal(t, ring)
		requireOpens(t, ring, before)
		added, err := ring.AddKey(t.Context())
		require.NoError(t, err)
		require.NoError(t, ring.Promote(t.Context(), added))
		requireOpens(t, seal.New(vault.onlyCurrent()), before)
		requireOpens(t, seal.New(vault.onlyCurrent()), mustSeal(t, ring))
	})
}
