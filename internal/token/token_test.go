package token_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

func TestTheNextTokenContinuesTheLine(t *testing.T) {
	consent := token.Provenance{Generation: 4, Fingerprint: "c", Consent: "c"}
	child := consent.Next("d")
	require.Equal(t, token.Provenance{Generation: 5, Fingerprint: "d", Parent: "c", Consent: "c"}, child)
	require.Equal(t, token.Provenance{Generation: 6, Fingerprint: "e", Parent: "d", Consent: "c"}, child.Next("e"))
}
