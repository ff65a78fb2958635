// Package secretscan finds secrets where they must not be: in clear, in hexadecimal,
// percent-encoded, in base64 and in base64 of base64, also in the middle of something
// larger that was encoded as a whole, and pieces of them.
package secretscan

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
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

// FindPieces is Find for each piece of MinLength bytes that the secret is made of, so that
// a part of it is found as well. It names the first piece that is there, by its number.
func FindPieces(content []byte, secret string) []string {
	for n := 0; (n+1)*MinLength <= len(secret); n++ {
		if found := Find(content, secret[n*MinLength:(n+1)*MinLength]); len(found) > 0 {
			return append(found, fmt.Sprintf("piece %d", n))
		}
	}
	return nil
}

type form struct{ name, text string }

func forms(secret string) []form {
	lower := hex.EncodeToString([]byte(secret))
	all := []form{
		{"in clear", secret}, {"in hex", lower}, {"in capital hex", strings.ToUpper(lower)},
		{"percent-encoded", percent(lower)}, {"percent-encoded in capitals", percent(strings.ToUpper(lower))},
	}
	if query := url.QueryEscape(secret); query != secret {
		all = append(all, form{"in a query", query})
	}
	for offset := range 3 {
		once := inside(secret, offset)
		for _, text := range both(once) {
			all = append(all, form{"in base64", text})
		}
		for outer := range 3 {
			for _, text := range both(inside(once, outer)) {
				all = append(all, form{"in base64 twice", text})
			}
		}
	}
	return all
}

// both are a base64 text in the alphabets of RFC 4648 sections 4 and 5.
func both(text string) []string {
	if url := strings.NewReplacer("+", "-", "/", "_").Replace(text); url != text {
		return []string{text, url}
	}
	return []string{text}
}

// percent puts % before every two hexadecimal digits.
func percent(digits string) string {
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		b.WriteString("%" + digits[i:i+2])
	}
	return b.String()
}

// inside is the part of a base64 text that depends on the secret alone, where the
// secret begins offset bytes behind a multiple of three.
func inside(secret string, offset int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
	first := (offset*8 + 5) / 6           // the first character without a bit of what is before
	end := (offset + len(secret)) * 8 / 6 // behind the last one without a bit of what follows
	return encoded[first:end]
}
