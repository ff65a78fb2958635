// Package secretscan finds secrets where they must not be: in clear, in hexadecimal
// and in base64, also in the middle of something larger that was encoded as a whole.
package secretscan

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// MinLength is the shortest secret that can be looked for, in bytes: a shorter one
// is in random data by chance.
const MinLength = 12

// Find names the ways in which content holds the secret, such as "in clear";
// none where it does not. It panics on a secret shorter than MinLength.
func Find(content []byte, secret string) []string {
	if len(secret) < MinLength {
		panic("secretscan: a secret this short would be found by chance")
	}
	var found []string
	for _, f := range forms(secret) {
		if bytes.Contains(content, []byte(f.text)) {
			found = append(found, f.name)
		}
	}
	return found
}

type form struct{ name, text string }

func forms(secret string) []form {
	lower := hex.EncodeToString([]byte(secret))
	all := []form{{"in clear", secret}, {"in hex", lower}, {"in capital hex", strings.ToUpper(lower)}}
	for offset := range 3 {
		text := inside(secret, offset)
		all = append(all, form{"in base64", text})
		if url := strings.NewReplacer("+", "-", "/", "_").Replace(text); url != text {
			all = append(all, form{"in base64url", url})
		}
	}
	return all
}

// inside is the part of a base64 text that depends on the secret alone, where the
// secret begins offset bytes behind a multiple of three.
func inside(secret string, offset int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
	first := (offset*8 + 5) / 6           // the first character without a bit of what is before
	end := (offset + len(secret)) * 8 / 6 // behind the last one without a bit of what follows
	return encoded[first:end]
}
