package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// node is a value of the providers file. The errors of its methods complete the
// sentence "token_url …"; those of several mistakes are joined, each [located].
type node struct{ ast.Node }

// duration is one of the file's.
type duration = time.Duration

// Bounds on the texts of the file, in bytes: they reach terminals, histories and tags.
const (
	longestText  = 500
	longestTitle = 60
	longestURL   = 500
)

func (n node) text() (string, error)  { return n.textOf(longestText) }
func (n node) title() (string, error) { return n.textOf(longestTitle) }

func (n node) textOf(most int) (string, error) {
	s, ok := n.Node.(*ast.StringNode)
	switch {
	case !ok || strings.TrimSpace(s.Value) == "":
		return "", errors.New("must be a text that is not empty")
	case !isPrintable(s.Value, most):
		return "", fmt.Errorf("must be one line of printable characters, at most %d bytes", most)
	}
	return s.Value, nil
}

func (n node) flag() (bool, error) {
	b, ok := n.Node.(*ast.BoolNode)
	if !ok {
		return false, errors.New("must be true or false")
	}
	return b.Value, nil
}

func (n node) day() (string, error) {
	s, err := n.text()
	if err == nil {
		_, err = time.Parse(time.DateOnly, s)
	}
	if err != nil {
		return "", errors.New("must be a day, such as 2026-11-26")
	}
	return s, nil
}

func (n node) header() (string, error) {
	s, err := n.text()
	if err != nil || !headerName.MatchString(s) {
		return "", errors.New("must be the name of a header, such as X-RateLimit-Reset")
	}
	return http.CanonicalHeaderKey(s), nil
}

var (
	headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)
	// fieldPath is a path of keys of an answer.
	fieldPath = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,9}$`)
)

func (n node) path() (string, error) {
	s, err := n.text()
	if err != nil || !fieldPath.MatchString(s) {
		return "", errors.New("must be the field of an answer, with dots between keys, such as refresh_token_expires_in")
	}
	return s, nil
}

func (n node) scopes() ([]string, error) {
	const wrong = "must be a list of texts, such as [profile, sleep]"
	list, ok := n.Node.(*ast.SequenceNode)
	if !ok || len(list.Values) > maxScopes {
		return nil, errors.New(wrong)
	}
	texts := make([]string, 0, len(list.Values))
	for _, v := range list.Values {
		s, err := node{v}.textOf(maxText)
		if err != nil {
			return nil, errors.New(wrong)
		}
		texts = append(texts, s)
	}
	return texts, nil
}

// params reads a map of parameters to send beside those of the protocol. It
// refuses the protocol's own: a constant state protects no consent, and tokens and
// client secrets belong in the vault.
func params(own ...string) func(node) (map[string]string, error) {
	own = append(own, "client_id", "client_secret", "redirect_uri", "code", "code_verifier", "refresh_token", "access_token")
	return func(n node) (map[string]string, error) {
		return n.texts(`must be a map of texts, such as {access_type: offline}; put numbers and true or false in quotes`, own)
	}
}

func (n node) texts(wrong string, own []string) (map[string]string, error) {
	if _, ok := n.Node.(ast.MapNode); !ok {
		return nil, errors.New(wrong)
	}
	fields, err := n.fields()
	if err != nil && len(fields) > 0 {
		return nil, err
	}
	params := map[string]string{}
	for _, f := range fields {
		s, err := f.value.text()
		if err != nil || !isPrintable(f.key, longestText) {
			return nil, errors.New(wrong)
		}
		params[f.key] = s
	}
	for _, name := range own {
		if _, stated := params[name]; stated {
			return nil, fmt.Errorf("must not hold %s, which Token Keeper sends itself where it is due", name)
		}
	}
	return params, nil
}

// duration reads a Go duration, or whole days.
func (n node) duration() (time.Duration, error) { return n.durationOf(0) }

// positive reads a duration that is not zero.
func (n node) positive() (time.Duration, error) { return n.durationOf(1) }

func (n node) durationOf(least time.Duration) (time.Duration, error) {
	s, err := n.text()
	if err != nil {
		return 0, errors.New("must be a duration with its unit, such as 2m, 8h, 90d or 0s")
	}
	d, err := parseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%.40q is not a duration; write it with its unit, such as 2m, 8h, 90d or 0s", s)
	case d < 0:
		return 0, fmt.Errorf("%.40q is negative", s)
	case d < least:
		return 0, fmt.Errorf("%.40q is too short", s)
	case d > maxLifetime:
		return 0, fmt.Errorf("%.40q is too long", s)
	}
	return d, nil
}

func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// oneOf reads one of the allowed words.
func oneOf[T ~string](allowed ...T) func(node) (T, error) {
	return func(n node) (T, error) {
		s, err := n.text()
		words := make([]string, 0, len(allowed))
		for _, word := range allowed {
			if err == nil && s == string(word) {
				return word, nil
			}
			words = append(words, string(word))
		}
		return "", fmt.Errorf("must be one of %s", strings.Join(words, ", "))
	}
}

// url reads an endpoint: https, because a refresh token goes there (RFC 6749
// section 3.2), or http on loopback. Its errors do not quote it, because URLs may
// hold secrets.
func (n node) url() (string, error) {
	s, err := n.textOf(longestURL)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return "", errors.New("is not a URL; write it whole, such as https://auth.example.com/token")
	case u.User != nil:
		return "", errors.New("must not hold a user name or password; client credentials belong in the vault")
	case u.Fragment != "":
		return "", errors.New("must not have a fragment (#…)")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", errors.New("must begin with https:// (http:// is for 127.0.0.1, [::1] and localhost only)")
	}
	return s, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}
