package webhook_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/webhook"
)

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestReceiversAreReadWithSecretsInFilesOrInPlace(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "ops.secret", testSecret+"\n")
	hook := write(t, dir, "chat.url", "https://chat.example.com/hooks/T0P-S3CRET\n")
	found, err := webhook.Load(write(t, dir, "webhooks.yaml", `receivers:
  ops:
    url: https://alerts.example.com/token-keeper
    secret_file: ops.secret
  chat:
    url_file: `+hook+`
    secret: `+testSecret+`
  here:
    url: http://127.0.0.1:9000/
    secret: `+testSecret+`
`))
	require.NoError(t, err)
	require.Len(t, found, 3)
	require.Equal(t, "chat", found[0].Name)
	require.Equal(t, "https://chat.example.com/hooks/T0P-S3CRET", found[0].URL.Reveal())
	require.Equal(t, testSecret, found[2].Secret.Reveal())
	require.NotContains(t, fmt.Sprintf("%+v", found), "S3CRET")

	found, err = webhook.Load("")
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestEveryMistakeIsNamedAtOnceAndNoValueIsShown(t *testing.T) {
	dir := t.TempDir()
	short := "whsec_" + base64.StdEncoding.EncodeToString([]byte("S3CRET"))
	_, err := webhook.Load(write(t, dir, "webhooks.yaml", `receivers:
  Ops: {url: "https://x.example.com", secret: `+testSecret+`}
  a: {}
  b: {url: "http://S3CRET.example.com/", secret: S3CRET}
  c: {url: "https://user:S3CRET@example.com/", secret: "whsec_S3CRET!"}
  d: {url: S3CRET, url_file: S3CRET, secret_file: S3CRET-gone}
  e: {url: "https://x.example.com/#S3CRET", secret: `+short+`}
`))
	require.Error(t, err)
	for _, want := range []string{
		`receiver "Ops": its name is not valid`,
		`receiver "a": it has no url; state url or url_file`, `receiver "a": it has no secret`,
		`receiver "b": url does not begin with https://`, `receiver "b": secret does not begin with "whsec_"`,
		`receiver "c": url holds a user name`, `receiver "c": secret is not base64`,
		`receiver "d": it has url and url_file; state one of them`, `receiver "d": secret_file: a file cannot be read: no such file or directory`,
		`receiver "e": url has a part after #`, `receiver "e": secret has 6 bytes; Standard Webhooks wants 24 to 64`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "S3CRET")
}

func TestAFileThatCannotBeReadIsNamedByItsLine(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, content, want string }{
		{"an unknown key", "receivers:\n  ops:\n    url: https://x.example.com\n    S3CRET: S3CRET\n", "line 4 is not valid"},
		{"no YAML", "receivers: [S3CRET", "line 1 is not valid"},
		{"none", "receivers: {}\n", "has no receiver"},
		{"empty", "", "has no receiver"},
		{"too long", strings.Repeat("#", 70_000), "more than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := webhook.Load(write(t, dir, "webhooks.yaml", c.content))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "S3CRET")
		})
	}
	_, err := webhook.Load(filepath.Join(dir, "none.yaml"))
	require.ErrorContains(t, err, "cannot be read")
	var many strings.Builder
	many.WriteString("receivers:\n")
	for n := range 21 {
		fmt.Fprintf(&many, "  r%d: {url: 'https://x.example.com', secret: %s}\n", n, testSecret)
	}
	_, err = webhook.Load(write(t, dir, "many.yaml", many.String()))
	require.ErrorContains(t, err, "has 21 receivers; use at most 20")
}
