package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

// FuzzReadPasted holds that what is taken is a token, a part of the text, and taken again
// as it is, and that a refusal quotes nothing.
func FuzzReadPasted(f *testing.F) {
	for _, seed := range []string{
		"fake-1", "fake-1\n", "\ufefffake-1\r\n", `"fake-1"`, `fake-1\n`, "1%2F%2F0fake", `{"refresh_token":"fake-1"}`, "REFRESH_TOKEN=fake-1",
		"Bearer fake-1", "https://fake.test/?code=fake", "fake-1\nfake-2", "f\x00a\x00k\x00e\x00", "ZmFrZQ==", "M.C5_fake.0.U.-CqK*fake!x$$", "", " ", "\xff\xfe", "%", "=", "<>", "\u200b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := token.ReadPasted(text)
		_, clientErr := token.ReadPastedText(text)
		if err != nil {
			require.True(t, got.Empty())
			requireQuotesNothing(t, err, text)
			return
		}
		require.NoError(t, clientErr, "one rule for both")
		require.NoError(t, token.CheckValue(got.Reveal()))
		require.Contains(t, text, got.Reveal())
		again, err := token.ReadPasted(" " + got.Reveal() + "\n")
		require.NoError(t, err)
		require.Equal(t, got, again)
		_, err = token.ReadPasted(`"` + got.Reveal() + `"`)
		require.Error(t, err)
	})
}

// requireQuotesNothing wants no longer part of a text in an error about it.
func requireQuotesNothing(t *testing.T, err error, text string) {
	t.Helper()
	for i := 0; i+12 <= len(text); i++ {
		if part := text[i : i+12]; strings.Contains(err.Error(), part) {
			require.Failf(t, "the error quotes the text", "%q in %q", part, err)
		}
	}
}

// FuzzNewAccount holds that names are taken only where Key Vault tells them apart.
func FuzzNewAccount(f *testing.F) {
	for _, seed := range [][2]string{{"fitbit", "will"}, {"", ""}, {"Fitbit", "Will"}, {"google-health", "will-2"}, {"a--b", "-"}, {"\u212a", "ſ"}, {"../x", "a/b"}, {strings.Repeat("a", 51), "a\n"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, issuer, name string) {
		a, err := token.NewAccount(issuer, name)
		if err != nil {
			require.Zero(t, a)
			require.NotContains(t, err.Error(), "\x1b", "a terminal would obey it")
			return
		}
		for _, part := range []string{a.Provider, a.Name} {
			require.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)*$`, part)
			require.LessOrEqual(t, len(part), token.MaxName)
			require.Equal(t, strings.ToLower(part), part)
		}
		kept, err := a.KeptUnder(name)
		if err == nil {
			require.NotEqual(t, kept.Provider, kept.SecretsOf)
		}
	})
}
