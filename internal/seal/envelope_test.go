package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
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
	ring := seal.New(&memory{versions: [][]byte{[]byte(goldenKeyset)}})
	requireOpens(t, ring, decodeGolden(t))
}

// FuzzOpen feeds arbitrary bytes as an envelope, and as a version of the keyset
// beside a good one. Whatever they are: nothing panics, what was sealed before
// still opens, and no other envelope does.
func FuzzOpen(f *testing.F) {
	sealed := decodeGolden(f)
	f.Add([]byte(sealed), []byte(goldenKeyset))
	f.Add([]byte(sealed[:20]), []byte(`{"primaryKeyId":1}`))
	f.Add([]byte{1, 0, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, envelope, version []byte) {
		// The good version is the current one; where the other one has a key of
		// the same number, the current one's counts.
		ring := seal.New(&memory{versions: [][]byte{version, []byte(goldenKeyset)}})
		got, err := ring.Open(t.Context(), will, sealed)
		require.NoError(t, err)
		require.Equal(t, secret, string(got))

		_, err = ring.Open(t.Context(), will, token.Sealed(envelope))
		switch {
		case err == nil:
			require.True(t, bytes.Equal(sealed, envelope), "an envelope opened that was never sealed")
		case !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrUnknownKey):
			t.Fatalf("unexpected kind of error: %v", err)
		}
	})
}
