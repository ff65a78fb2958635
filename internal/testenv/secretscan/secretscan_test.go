package secretscan_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv/secretscan"
)

const secret = "fake-secret~?>-0123456789"

func TestASecretIsFoundInEveryEncoding(t *testing.T) {
	std, raw := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	for _, c := range []struct {
		name   string
		encode func([]byte) string
	}{
		{"in clear", func(b []byte) string { return string(b) }},
		{"in hex", hex.EncodeToString},
		{"in capital hex", func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }},
		{"in a query", func(b []byte) string { return url.QueryEscape(string(b)) }},
		{"percent-encoded", percent("%%%02x")},
		{"percent-encoded in capitals", percent("%%%02X")},
		{"in base64", std},
		{"in base64", raw},
		{"in base64 twice", func(b []byte) string { return std([]byte(std(b))) }},
		{"in base64 twice", func(b []byte) string { return raw([]byte(`{"data":"` + std(b) + `"}`)) }},
	} {
		for _, before := range []string{"", `{`, `{"`, `{"t`, `{"to`} {
			for _, after := range []string{"", `"`, `"}`, `"}.`} {
				content := "noise " + c.encode([]byte(before+secret+after)) + " noise"
				require.Contains(t, secretscan.Find([]byte(content), secret), c.name, "%q", content)
			}
		}
	}
}

// percent encodes every byte, whether or not it has to be.
func percent(format string) func([]byte) string {
	return func(text []byte) string {
		var b strings.Builder
		for _, c := range text {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
}

func TestAPieceOfASecretIsFound(t *testing.T) {
	require.Empty(t, secretscan.FindPieces([]byte("noise"), secret))
	for n, piece := range []string{secret[:secretscan.MinLength], secret[secretscan.MinLength : 2*secretscan.MinLength]} {
		for _, content := range []string{piece, "noise" + piece + "noise", hex.EncodeToString([]byte(piece)), base64.StdEncoding.EncodeToString([]byte("x" + piece))} {
			require.Contains(t, secretscan.FindPieces([]byte(content), secret), fmt.Sprintf("piece %d", n), content)
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
