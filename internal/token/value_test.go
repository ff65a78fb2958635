package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

func TestCheckValue(t *testing.T) {
	const (
		good    = ""
		empty   = "is empty"
		foreign = "has characters that no token may have (RFC 6749 appendix A)"
		tooLong = "is too long: it has 25601 bytes, and Key Vault takes 25600"
	)
	for _, tc := range []struct {
		name, text, value string // value is the error
	}{
		{"a JWT", "eyJhbGciOiJub25lIn0.e30.", good},
		{"every visible character of RFC 6749 appendix A", visible(), good},
		{"the longest", strings.Repeat("a", token.MaxLength), good},
		{"a blank before", " fake", good},
		{"a blank within", "fake 1", good},
		{"a blank after", "fake ", good},
		{"nothing", "", empty},
		{"blanks alone", "   ", empty},
		{"one byte too long", strings.Repeat("a", token.MaxLength+1), tooLong},
		{"a line break", "fake\n", foreign},
		{"a tab", "fake\t1", foreign},
		{"a control character", "fake\x00", foreign},
		{"DEL", "fake\x7f", foreign},
		{"a letter beyond ASCII", "fäke", foreign},
		{"invalid UTF-8", "fake\xff", foreign},
		{"an Authorization header's value", "Bearer fake", good},
		{"a redirect's address", "https://localhost/?code=fake", good},
	} {
		t.Run(tc.name, func(t *testing.T) {
			requireText(t, tc.value, token.CheckValue(tc.text))
		})
	}
	require.ErrorIs(t, token.CheckValue(strings.Repeat("a", token.MaxLength+1)), token.ErrTooLong)
}

// visible has every character from 0x21 to 0x7E.
func visible() string {
	var b strings.Builder
	for c := byte(0x21); c <= 0x7e; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

func requireText(t *testing.T, want string, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.EqualError(t, err, want)
}
