package token

import (
	"crypto/sha256"
	"encoding/hex"
)

// UserMark stands for a user of a provider where accounts of the same user are to be found
// without naming the user: the first 16 hex digits of a SHA-256. It hides an id from a
// reader who does not know it, and not from one who tries all ids. Empty for no id.
func UserMark(provider, userID string) string {
	if userID == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("user\x00" + provider + "\x00" + userID))
	return hex.EncodeToString(sum[:8])
}
