package token

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// ReadPasted returns a token that stands alone, as a user pasted it or put it into the
// vault by hand. What is harmless around it goes: white space, line breaks, a byte order
// mark. It refuses a text in which the token is packed, such as in quotes or %-encoded:
// a provider would take it for a dead one. RFC 6749 allows all of that inside a token, so
// one that a program has written is never judged by this rule; one that really looks so
// can be imported in a JSON answer. The error completes a sentence such as "it …" and
// quotes nothing of the text.
func ReadPasted(text string) (Secret, error) {
	text = trimPasted(text)
	if err := checkPacking(text); err != nil {
		return Secret{}, err
	}
	switch {
	case strings.Contains(text, "://"):
		return Secret{}, errors.New("is an address")
	case strings.HasSuffix(text, ","), strings.HasSuffix(text, ";"):
		return Secret{}, errors.New("ends in a comma or semicolon, which is no part of it")
	case isPercentEncoded(text):
		return Secret{}, errors.New("is %-encoded, as in an address; decode it, so that %2F is / again")
	}
	if err := CheckValue(text); err != nil {
		return Secret{}, err
	}
	return NewSecret(text), nil
}

// ReadPastedText is [ReadPasted] for a client id or secret, which may be an address or
// hold a percent sign.
func ReadPastedText(text string) (string, error) {
	text = trimPasted(text)
	if err := checkPacking(text); err != nil {
		return "", err
	}
	return text, CheckValue(text)
}

// trimPasted removes what editors, shells and web pages leave around a copied text.
func trimPasted(text string) string {
	return strings.TrimFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\ufeff' || r >= '\u200b' && r <= '\u200d' || r == '\u2060'
	})
}

var (
	// A line of an environment file or a shell, such as REFRESH_TOKEN=…, of YAML, or a
	// form. The name is in capitals or speaks of a token: "=" and ":" may stand within one.
	assignment = regexp.MustCompile(`^(?i:export\s+|set\s+|\$env:)?[A-Z][A-Z0-9_]{0,39}\s*=\s*[^=\s]` +
		`|(?i:(?:^|[\s$&?.:])[a-z0-9_-]{0,40}(?:token|secret|client_?id)[a-z0-9_-]{0,40}\s*[=:]\s*[^=\s])`)
	bearer = regexp.MustCompile(`^(?i:(authorization:\s*)?bearer\s)`)
	header = regexp.MustCompile(`^(?i:authorization:|basic\s)`)
	// A backslash and a letter at the end, which a program should have read as a line break.
	literalBreak = regexp.MustCompile(`\\[rnt]$`)
)

// checkPacking returns in what a text is packed, or nil.
func checkPacking(text string) error {
	switch {
	case text == "":
		return errors.New("is empty")
	case strings.Contains(text, "\x00"):
		return errors.New("is text in UTF-16; write it in UTF-8")
	case bearer.MatchString(text):
		return errors.New("begins with Bearer, so it is an access token")
	case header.MatchString(text):
		return errors.New("is an Authorization header")
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return errors.New("is JSON as a whole, and not the text in it")
	case isQuoted(text):
		return errors.New("is in quotes, which are no part of it")
	case assignment.MatchString(text):
		return errors.New("is an assignment such as NAME=value, and not the value alone")
	case strings.ContainsFunc(text, unicode.IsSpace):
		return errors.New("has several words or lines")
	case literalBreak.MatchString(text):
		return errors.New(`ends in a literal \n or the like, which is no part of it`)
	}
	return nil
}

// isQuoted reports whether a text begins or ends with a quotation mark or stands between
// angle brackets, as a placeholder does.
func isQuoted(text string) bool {
	const marks = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
	runes := []rune(text)
	first, last := runes[0], runes[len(runes)-1]
	return strings.ContainsRune(marks, first) || strings.ContainsRune(marks, last) || first == '<' && last == '>'
}

// isPercentEncoded reports whether each percent sign of a text, of which there is one at
// least, begins the encoding of a visible character.
func isPercentEncoded(text string) bool {
	decoded, err := url.PathUnescape(text)
	return err == nil && decoded != text && !strings.ContainsFunc(decoded, func(r rune) bool { return r < 0x20 || r > 0x7e })
}
