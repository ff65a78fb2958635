package provider

import (
	"maps"
	"slices"
	"strings"

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
// revoke_url, introspect_url, scopes (a list), auth_params and refresh_params
// (maps) and rate_limit_reset_header. URLs are https, or http on loopback.
//
// The error names every mistake at once, each as filename:line. It quotes no
// values of unknown keys, for a secret may have strayed there.
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
		merged.byName[e.name] = changed
	}
	if err := found.err(); err != nil {
		return Table{}, err
	}
	return merged, nil
}

// checkNew demands what no default could be right for: each of these decides
// whether a token survives a lost answer.
func checkNew(e entry, found *problems) {
	if _, err := token.NewAccount(e.name, ""); err != nil {
		found.add(e.line, "%v", err)
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

// checkWindow refuses a replay window where nothing is ever spent. One of the two
// is wrong, and if it is the rotation, new refresh tokens would be lost.
func checkWindow(p Provider, e entry, found *problems) {
	if p.Rotation != NoRotation || p.ReplayWindow == 0 {
		return
	}
	for _, f := range e.fields {
		if f.key == "rotation" || f.key == "replay_window" {
			found.add(f.line, "provider %q: rotation none and a replay_window of %s contradict each other; state replay_window 0s if its refresh tokens never change, or else another rotation",
				p.Name, p.ReplayWindow)
			return
		}
	}
}

// checkDistinct demands names that stay apart where hyphens are dropped and
// capitals do not count, which is what Key Vault makes of them.
func checkDistinct(p Provider, line int, others Table, found *problems) {
	for _, other := range others.Providers() {
		if strings.EqualFold(other.CredentialsName(), p.CredentialsName()) {
			found.add(line, "provider %q would share its names in the vault (%s) with provider %q; call one of them otherwise",
				p.Name, p.CredentialsName(), other.Name)
		}
	}
}
