package seal_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// A keyset of a fake key, and the secret sealed with it. Both are fixed: sealed
// pairs outlive the release that made them, in workflow histories.
const (
	goldenKeyset   = `{"primaryKeyId":1234567890,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey","value":"GiBmYWtlLWtleS1mYWtlLWtleS1mYWtlLWtleS1mYWtlIQ==","keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":1234567890,"outputPrefixType":"TINK"}]}`
	goldenEnvelope = "AUmWAtKgcFAOVECvoSfbhWGECcq7VfIssS2TrR7HQ+MJwY9xk4QEK8gW2gBc7YAfpIGpLgY="
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
