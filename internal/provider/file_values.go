package provider

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// node is a value of the providers file. The errors of its methods complete the
// sentence "token_url …".
type node struct{ ast.Node }

func (n node) text() (string, error) {
	s, ok := n.Node.(*ast.StringNode)
	if !ok || strings.TrimSpace(s.Value) == "" {
		return "", errors.New("must be a text that is not empty")
	}
	return s.Value, nil
}

func (n node) texts() ([]string, error) {
	const wrong = "must be a list of texts, such as [profile, sleep]"
	list, ok := n.Node.(*ast.SequenceNode)
	if !ok {
		return nil, errors.New(wrong)
	}
	texts := make([]string, 0, len(list.Values))
	for _, v := range list.Values {
		s, err := node{v}.text()
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
func (n node) params(own ...string) (map[string]string, error) {
	const wrong = `must be a map of texts, such as {access_type: offline}; put numbers and true or false in quotes`
	m, ok := n.Node.(ast.MapNode)
	if !ok {
		return nil, errors.New(wrong)
	}
	params := map[string]string{}
	for i := m.MapRange(); i.Next(); {
		s, err := node{i.Value()}.text()
		if err != nil {
			return nil, errors.New(wrong)
		}
		params[i.Key().GetToken().Value] = s
	}
	for _, name := range append(own, "client_id", "client_secret", "redirect_uri", "code", "code_verifier", "refresh_token", "access_token") {
		if _, stated := params[name]; stated {
			return nil, fmt.Errorf("must not hold %s, which Token Keeper sends itself where it is due", name)
		}
	}
	return params, nil
}

// duration reads a Go duration of at least the given length.
func (n node) duration(least time.Duration) (time.Duration, error) {
	s, err := n.text()
	if err != nil {
		return 0, errors.New("must be a duration with its unit, such as 2m, 8h or 0s")
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%.40q is not a duration; write it with its unit, such as 2m, 8h or 0s", s)
	case d < 0:
		return 0, fmt.Errorf("%.40q is negative", s)
	case d < least:
		return 0, fmt.Errorf("%.40q is too short", s)
	}
	return d, nil
}

// oneOf reads one of the allowed words.
func oneOf[T ~string](n node, allowed ...T) (T, error) {
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

// url reads an endpoint: https, because a refresh token goes there (RFC 6749
// section 3.2), or http on loopback. Its errors do not quote it, because URLs may
// hold secrets.
func (n node) url() (string, error) {
	s, err := n.text()
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
