package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

// What is around a token goes, and the token is what it is.
func TestWhatIsHarmlessAroundAPastedTokenGoes(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"nothing", "fake-1"},
		{"a line break", "fake-1\n"},
		{"the line break of Windows", "fake-1\r\n"},
		{"blanks and tabs", " \tfake-1 \t"},
		{"lines around", "\n\nfake-1\n\n"},
		{"a byte order mark", "\ufefffake-1"},
		{"a byte order mark and a line break", "\ufeff\nfake-1\n"},
		{"a no-break space", "\u00a0fake-1\u00a0"},
		{"what a web page leaves", "\u200bfake-1\u2060"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := token.ReadPasted(tc.text)
			require.NoError(t, err)
			require.Equal(t, token.NewSecret("fake-1"), got)
			text, err := token.ReadPastedText(tc.text)
			require.NoError(t, err)
			require.Equal(t, "fake-1", text)
		})
	}
}

// The shapes of tokens that providers give out are taken as they are.
func TestAPastedTokenOfAnyProviderIsTakenAsItIs(t *testing.T) {
	for _, text := range []string{
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", // hex
		"eyJhbGciOiJub25lIn0.e30.fake_signature-",                          // a JWT
		"1//0fake-Lk9Q_x7",                                              // Google
		"M.C521_fake.0.U.-CqK*fake!x$$",                                 // Microsoft
		"Atzr|IwEBIFake", "xoxe-1-fake", "ghr_fake", "ory_rt_fake.fake", // Amazon, Slack, GitHub, Hydra
		"v^1.1#i^1#p^3#f^0#r^1#I^3#t^Ul4xMF8w",                                                                                  // eBay
		"ZmFrZQ==", "ZmFrZTE=", "BAhJIgZmYWtl--0123456789abcdef", "ZmE==--fa0e", "ZmE=--fa0e", "abc=def", "c:fake", "AB11:fake", // base64 and what is signed
		"50%fake", "fake%", "fake%zz", "fake%00", "a%b%2F", // a percent sign that encodes nothing
		`fa"ke`, `fa\nke`, `fake\`, "fa,ke", "fa'ke", "<fake", "fake>", "=fake", "tokenfake", "Bearerfake", "FAKE=", "FAKE==",
		visible(), strings.Repeat("a", token.MaxLength),
	} {
		if text == visible() {
			text = "x" + text // it does not begin with a quotation mark
		}
		got, err := token.ReadPasted(text)
		require.NoError(t, err, text)
		require.Equal(t, text, got.Reveal())
	}
}

func TestAPastedTokenThatIsPackedIsRefusedWithTheReason(t *testing.T) {
	const (
		quotes     = "is in quotes, which are no part of it"
		assigned   = "is an assignment such as NAME=value, and not the value alone"
		json       = "is JSON as a whole, and not the text in it"
		separated  = "has several words or lines"
		breaks     = `ends in a literal \n or the like, which is no part of it`
		encoded    = "is %-encoded, as in an address; decode it, so that %2F is / again"
		comma      = "ends in a comma or semicolon, which is no part of it"
		characters = "has characters that no token may have (RFC 6749 appendix A)"
		anything   = "" // a client id or secret may look so
	)
	for _, tc := range []struct{ name, text, token, client string }{
		{"nothing", "", "is empty", "is empty"},
		{"white space alone", " \n\ufeff ", "is empty", "is empty"},
		{"double quotes", `"fake-1"`, quotes, quotes},
		{"single quotes and a line break", "'fake-1'\n", quotes, quotes},
		{"one quotation mark", `fake-1"`, quotes, quotes},
		{"backticks", "`fake-1`", quotes, quotes},
		{"typographic quotes", "“fake-1”", quotes, quotes},
		{"angle brackets", "<fake-1>", quotes, quotes},
		{"a literal line break", `fake-1\n`, breaks, breaks},
		{"a literal line break of Windows", `fake-1\r\n`, breaks, breaks},
		{"Google's, %-encoded", "1%2F%2F0fake-1", encoded, anything},
		{"base64, %-encoded", "ZmFrZTE%3D", encoded, anything},
		{"a JSON answer", `{"refresh_token":"fake-1"}`, json, json},
		{"the beginning of one", `{"refresh_token":`, json, json},
		{"a JSON list", `["fake-1"]`, json, json},
		{"a line of JSON", `"refresh_token": "fake-1",`, quotes, quotes},
		{"the end of one", "fake-1,", comma, anything},
		{"an environment file's line", "REFRESH_TOKEN=fake-1", assigned, assigned},
		{"of any name in capitals", "RT=fake-1", assigned, assigned},
		{"a shell's", "export REFRESH_TOKEN=fake-1", assigned, assigned},
		{"PowerShell's", `$env:REFRESH_TOKEN = fake-1`, assigned, assigned},
		{"in lower case", "refresh_token=fake-1", assigned, assigned},
		{"a form's", "grant_type=refresh_token&refresh_token=fake-1", assigned, assigned},
		{"YAML", "refreshToken: fake-1", assigned, assigned},
		{"a header's value", "Bearer fake-1", "begins with Bearer, so it is an access token", "begins with Bearer, so it is an access token"},
		{"a header", "Authorization: bearer fake-1", "begins with Bearer, so it is an access token", "begins with Bearer, so it is an access token"},
		{"credentials of a header", "Basic ZmFrZTox", "is an Authorization header", "is an Authorization header"},
		{"a redirect's address", "https://localhost/?code=fake-1", "is an address", anything},
		{"two lines", "fake-1\nfake-2", separated, separated},
		{"two words", "fake-1 fake-2", separated, separated},
		{"UTF-16", "f\x00a\x00k\x00e\x00", "is text in UTF-16; write it in UTF-8", "is text in UTF-16; write it in UTF-8"},
		{"a control character", "fake\x01", characters, characters},
		{"a letter beyond ASCII", "fäke", characters, characters},
		{"one byte too long", strings.Repeat("a", token.MaxLength+1), "is too long: it has 25601 bytes, and Key Vault takes 25600", "is too long: it has 25601 bytes, and Key Vault takes 25600"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := token.ReadPasted(tc.text)
			requireText(t, tc.token, err)
			require.True(t, got.Empty())
			_, err = token.ReadPastedText(tc.text)
			requireText(t, tc.client, err)
		})
	}
}
