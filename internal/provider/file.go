package provider

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"tokenkeeper/internal/token"
)

// Override makes a table with the changes and additions of a YAML file:
//
//	providers:
//	  fitbit:                 # a name of this table: only what is stated changes
//	    token_url: http://127.0.0.1:9000/oauth2/token
//	  example-health:         # any other name: a new RFC 6749 provider
//	    token_url: https://auth.example.com/token
//	    auth_style: header    # or body
//	    rotation: single-use  # or sometimes, none
//	    replay_window: 0s
//	    access_token_lifetime: 1h
//
// A new provider states all five of these. Optional everywhere: title, auth_url,
// revoke_url, reuse, repeat_pause, scopes (a list), auth_params and refresh_params (maps)
// and rate_limit_reset_header. URLs are https, or http on loopback.
//
// The error names every problem at once, each as filename:line. It quotes no
// values of unknown keys, because a secret may have strayed there.
func (t Table) Override(yaml []byte, filename string) (Table, error) {
	found := &problems{file: filename}
	merged := Table{byName: maps.Clone(t.byName)}
	for _, e := range readEntries(yaml, found) {
		base, known := t.byName[e.name]
		if !known {
			base = Provider{Name: e.name, Dialect: RFC6749}
			base.Title = base.camelName()
			checkNew(e, found)
			checkDistinct(base, e.line, merged, found)
		}
		changed := e.apply(base, found)
		checkWindow(changed, e, found)
		checkReuse(changed, e, found)
		checkPause(changed, e, found)
		merged.byName[e.name] = changed
	}
	if err := found.err(); err != nil {
		return Table{}, err
	}
	return merged, nil
}

// checkNew demands the keys that have no safe default: each decides whether a
// token survives a lost answer.
func checkNew(e entry, found *problems) {
	if _, err := token.NewAccount(e.name, ""); err != nil {
		found.add(e.line, "%v", err)
	}
	if strings.Contains(e.name, "token-refresh") {
		found.add(e.line, "provider %q would share workflow ids with another provider's accounts; leave token-refresh out of its name", e.name)
	}
	var missing []string
	for _, key := range []string{"token_url", "auth_style", "rotation", "replay_window", "access_token_lifetime"} {
		if !slices.ContainsFunc(e.fields, func(f field) bool { return f.key == key }) {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		found.add(e.line, "provider %q is a new one and must state %s", e.name, strings.Join(missing, ", "))
	}
}

// checkDistinct demands names that differ without hyphens and capitals, as they
// stand in Key Vault.
func checkDistinct(p Provider, line int, others Table, found *problems) {
	for _, other := range others.Providers() {
		if strings.EqualFold(other.CredentialsName(), p.CredentialsName()) {
			found.add(line, "provider %q would share its names in the vault (%s) with provider %q; call one of them otherwise",
				p.Name, p.CredentialsName(), other.Name)
		}
	}
}

// checkWindow refuses a replay window where no refresh token is spent. One of the
// two keys is wrong; if it is the rotation, new refresh tokens would be lost.
func checkWindow(p Provider, e entry, found *problems) {
	if p.Rotation != NoRotation || p.ReplayWindow == 0 {
		return
	}
	if f, ok := e.first("rotation", "replay_window"); ok {
		found.add(f.line, "provider %q: rotation none and a replay_window of %s contradict each other; state replay_window 0s if its refresh tokens never change, or else another rotation",
			p.Name, p.ReplayWindow)
	}
}

// checkReuse refuses a reuse where no refresh token is spent.
func checkReuse(p Provider, e entry, found *problems) {
	if p.Rotation != NoRotation || p.Reuse == "" {
		return
	}
	if f, ok := e.first("rotation", "reuse"); ok {
		found.add(f.line, "provider %q: rotation none and reuse contradict each other; a token that never changes is never spent", p.Name)
	}
}

// checkPause demands a replay window in which an answer that was lost can be asked for
// more than once.
func checkPause(p Provider, e entry, found *problems) {
	if p.ReplayWindow == 0 || p.RepeatPause <= p.ReplayWindow/4 {
		return
	}
	if f, ok := e.first("replay_window", "repeat_pause"); ok {
		found.add(f.line, "provider %q: a repeat_pause of %s is more than a quarter of the replay_window of %s, which leaves too few attempts; correct one of them",
			p.Name, p.RepeatPause, p.ReplayWindow)
	}
}

// entry is what the file says of one provider.
type entry struct {
	name   string
	line   int
	fields []field
}

// first is the first field with one of these keys.
func (e entry) first(keys ...string) (field, bool) {
	i := slices.IndexFunc(e.fields, func(f field) bool { return slices.Contains(keys, f.key) })
	if i < 0 {
		return field{}, false
	}
	return e.fields[i], true
}

// field is one key of an entry with its value, not yet read.
type field struct {
	key   string
	line  int
	value node
}

// apply changes p in what the entry states.
func (e entry) apply(p Provider, found *problems) Provider {
	for _, f := range e.fields {
		if err := f.set(&p); err != nil {
			found.add(f.line, "provider %q: %s %v", e.name, f.key, err)
		}
	}
	return p
}

func (f field) set(p *Provider) (err error) {
	switch f.key {
	case "title":
		p.Title, err = f.value.text()
	case "auth_url":
		p.AuthURL, err = f.value.url()
	case "token_url":
		p.TokenURL, err = f.value.url()
	case "revoke_url":
		p.RevokeURL, err = f.value.url()
	case "auth_style":
		p.AuthStyle, err = oneOf(f.value, AuthHeader, AuthBody)
	case "rotation":
		p.Rotation, err = oneOf(f.value, SingleUse, Sometimes, NoRotation)
	case "replay_window":
		p.ReplayWindow, err = f.value.duration(0)
	case "repeat_pause":
		p.RepeatPause, err = f.value.duration(0)
	case "reuse":
		p.Reuse, err = oneOf(f.value, Harmless, Refused, RevokesGrant)
	case "access_token_lifetime":
		p.AccessTokenLifetime, err = f.value.duration(1)
	case "scopes":
		p.Scopes, err = f.value.texts()
	case "auth_params":
		p.AuthParams, err = f.value.params("response_type", "state", "scope", "code_challenge", "code_challenge_method")
	case "refresh_params":
		p.RefreshParams, err = f.value.params("grant_type")
	case "rate_limit_reset_header":
		p.RateLimitResetHeader, err = f.value.text()
	default:
		return errors.New("is not a key; the keys are title, auth_url, token_url, revoke_url, auth_style, rotation, " +
			"replay_window, repeat_pause, reuse, access_token_lifetime, scopes, auth_params, refresh_params, rate_limit_reset_header")
	}
	return err
}

// readEntries finds the providers in the file's syntax tree, which unlike a
// decoded struct has every line. Aliases and merges are refused, so that an entry
// is complete where it stands.
func readEntries(source []byte, found *problems) []entry {
	// node.keys reports duplicate keys, and goes on after the first.
	file, err := parser.ParseBytes(source, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		found.addSyntax(err)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		found.add(1, `the file must be one YAML document with "providers:"`)
		return nil
	}
	var entries []entry
	top := node{file.Docs[0].Body}
	for _, section := range top.keys("the file", 1, found) {
		if section.key != "providers" {
			found.add(section.line, "%q is not a key of this file; it has only \"providers\"", section.key)
			continue
		}
		for _, p := range section.value.keys("providers", section.line, found) {
			entries = append(entries, entry{
				name:   p.key,
				line:   p.line,
				fields: p.value.keys("provider \""+p.key+"\"", p.line, found),
			})
		}
	}
	return entries
}

// keys lists the keys of a map in their order, each once. A problem that it finds
// names the map by what and line.
func (n node) keys(what string, line int, found *problems) []field {
	m, ok := n.Node.(ast.MapNode)
	if !ok {
		found.add(line, "%s must be a map of keys to values", what)
		return nil
	}
	var fields []field
	firstAt := map[string]int{}
	for i := m.MapRange(); i.Next(); {
		tk := i.Key().GetToken()
		key, at := tk.Value, tk.Position.Line
		if first, twice := firstAt[key]; twice {
			found.add(at, "%s has the key %q twice, first in line %d", what, key, first)
			continue
		}
		firstAt[key] = at
		fields = append(fields, field{key: key, line: at, value: node{i.Value()}})
	}
	if len(fields) == 0 {
		found.add(line, "%s states nothing", what)
	}
	return fields
}

// problems collects everything that is wrong with a file.
type problems struct {
	file string
	list []problem
}

type problem struct {
	line int
	text string
}

func (p *problems) add(line int, format string, args ...any) {
	p.list = append(p.list, problem{line: line, text: fmt.Sprintf(format, args...)})
}

// addSyntax adds a parser's error with its line and without its excerpt of the
// file.
func (p *problems) addSyntax(err error) {
	line, text := 1, "not readable as YAML"
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		text += ": " + syntax.GetMessage()
		if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
			line = tk.Position.Line
		}
	}
	p.add(line, "%s", text)
}

// err has one line for each problem, in the file's order; nil without any.
func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, 0, len(p.list))
	for _, one := range p.list {
		errs = append(errs, fmt.Errorf("%s:%d: %s", p.file, one.line, one.text))
	}
	return errors.Join(errs...)
}
