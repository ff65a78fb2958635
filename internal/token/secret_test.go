package token_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

const fake = "fake-refresh-token-1"

// hidden is how a secret lies inside other values.
type hidden struct {
	Shown token.Secret
	quiet token.Secret // fmt may call no method on an unexported field
}

func TestNoVerbOfFmtPrintsASecret(t *testing.T) {
	secret := token.NewSecret(fake)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%o", "%e", "%10s"} {
		for name, value := range map[string]any{
			"itself":     secret,
			"pointer":    &secret,
			"struct":     hidden{secret, secret},
			"pointed at": &hidden{secret, secret},
			"slice":      []token.Secret{secret},
			"map":        map[token.Secret]token.Secret{secret: secret},
			"pair":       token.Pair{AccessToken: secret, RefreshToken: secret},
			"client":     token.Client{ID: "fake-id", Secret: secret},
			"error":      errors.New(fmt.Sprint("refused: ", secret)),
		} {
			got := fmt.Sprintf(verb, value)
			require.NotContains(t, got, fake, "%s of %s", verb, name)
			require.NotContains(t, got, fmt.Sprintf("%x", fake), "%s of %s", verb, name)
			require.NotContains(t, got, fmt.Sprintf("%X", fake), "%s of %s", verb, name)
		}
	}
	require.Equal(t, "[redacted]", secret.String())
	require.Equal(t, "[redacted] [redacted]", fmt.Sprintf("%s %d", secret, secret))
	require.NotEmpty(t, hidden{quiet: secret}.quiet.Reveal())
}

func TestLogsDoNotHoldASecret(t *testing.T) {
	secret := token.NewSecret(fake)
	var log bytes.Buffer
	for _, handler := range []slog.Handler{
		slog.NewTextHandler(&log, nil),
		slog.NewJSONHandler(&log, nil),
	} {
		slog.New(handler).Info("refreshed", "token", secret, "pair", token.Pair{RefreshToken: secret},
			slog.Group("inside", "hidden", hidden{secret, secret}), "pointer", &secret)
	}
	require.NotContains(t, log.String(), fake)
	require.Contains(t, log.String(), "token=[redacted]")
	require.Contains(t, log.String(), `"token":"[redacted]"`)
}

func TestJSONDoesNotHoldASecret(t *testing.T) {
	secret := token.NewSecret(fake)
	for _, value := range []any{secret, &secret, hidden{secret, secret}, token.Pair{AccessToken: secret}, map[token.Secret]int{secret: 1}} {
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		require.NotContains(t, string(encoded), fake)
		require.Contains(t, string(encoded), "[redacted]")
	}
}

func TestOnlyRevealGivesASecretAway(t *testing.T) {
	require.Equal(t, fake, token.NewSecret(fake).Reveal())
}

func TestSecretsAreEqualWhenTheirValuesAre(t *testing.T) {
	one, same, other := token.NewSecret(fake), token.NewSecret(fake), token.NewSecret("fake-refresh-token-2")
	require.True(t, one == same)
	require.False(t, one == other)
}

func TestAnEmptySecretIsTheZeroSecret(t *testing.T) {
	require.True(t, token.NewSecret("") == token.Secret{})
	require.True(t, token.NewSecret("").Empty())
	require.Empty(t, token.Secret{}.Reveal())
	require.Empty(t, token.Secret{}.Fingerprint())
	require.False(t, token.NewSecret(fake).Empty())
}

func TestAFingerprintIsTheHeadOfTheSHA256(t *testing.T) {
	// printf abc | sha256sum begins with these digits (FIPS 180-2, appendix B.1).
	require.Equal(t, token.Fingerprint("ba7816bf8f01cfea"), token.NewSecret("abc").Fingerprint())
	require.NotEqual(t, token.NewSecret("abc").Fingerprint(), token.NewSecret("abd").Fingerprint())
}
