package token

import (
	"errors"
	"fmt"
	"strings"
)

// MaxLength bounds a token, in bytes: the longest value that Key Vault takes
// ("Azure Key Vault service limits": 25 kB).
const MaxLength = 25 * 1024

// ErrTooLong: a token is longer than MaxLength and can be stored nowhere.
var ErrTooLong = errors.New("too long")

// CheckValue returns why a text cannot be an access or refresh token, or nil. A
// token is made of the characters of RFC 6749 appendices A.12 and A.17 (0x20 to
// 0x7E, blanks included), is not all blanks, and is at most MaxLength long. What
// it accepts is stored and read back unchanged. The error completes a sentence
// such as "its refresh token …" and quotes nothing of the text.
func CheckValue(text string) error {
	switch {
	case strings.Trim(text, " ") == "":
		return errors.New("is empty")
	case strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }):
		return errors.New("has characters that no token may have (RFC 6749 appendix A)")
	case len(text) > MaxLength:
		return fmt.Errorf("is %w: it has %d bytes, and Key Vault takes %d", ErrTooLong, len(text), MaxLength)
	}
	return nil
}

// CheckCopied is CheckValue for a token in a JSON answer that a user copied from
// elsewhere: it refuses an Authorization header's value and an address as well. For one
// that stands alone see [ReadPasted].
func CheckCopied(text string) error {
	switch {
	case strings.HasPrefix(text, "Bearer "):
		return errors.New("begins with Bearer, so it is an access token")
	case strings.Contains(text, "://"):
		return errors.New("is an address")
	}
	return CheckValue(text)
}
