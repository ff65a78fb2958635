package secretscan_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv/secretscan"
)

const secret = "fake-secret~?>-0123456789"

func TestASecretIsFoundInEveryEncoding(t *testing.T) {
	encodings := map[string]func([]byte) string{
		"in clear":       func(b []byte) string { return string(b) },
		"in hex":         hex.EncodeToString,
		"in capital hex": func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
		"in base64":      base64.StdEncoding.EncodeToString,
		"in base64url":   base64.RawURLEncoding.EncodeToString,
	}
	for name, encode := range encodings {
		for _, before := range []string{"", `{`, `{"`, `{"t`, `{"to`} {
			for _, after := range []string{"", `"`, `"}`, `"}.`} {
				content := "noise " + encode([]byte(before+secret+after)) + " noise"
				require.Contains(t, secretscan.Find([]byte(content), secret), name, "%q", content)
			}
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	other := strings.Replace(secret, "5", "6", 1)
	for _, content := range []string{
		"", other, secret[1:], secret[:len(secret)-1],
		base64.StdEncoding.EncodeToString([]byte(other)), hex.EncodeToString([]byte(other)),
	} {
		require.Empty(t, secretscan.Find([]byte(content), secret), content)
	}
}

func TestAShortSecretIsRefused(t *testing.T) {
	require.Panics(t, func() { secretscan.Find(nil, "short") })
}
