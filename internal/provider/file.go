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
//	    auth_style: header    # or body, json, query
//	    rotation: single-use  # or sometimes, none
//	    replay_window: 0s
//	    access_token_lifetime: 1h
//	  gitlab-acme:            # a new one that is like one of this table
//	    like: gitlab
//	    token_url: https://gitlab.acme.example/oauth/token
//	accounts:
//	  oura/will:              # provider/account
//	    token_url: moi        # a name of the provider's token_urls, or a URL
//	    secret_names: {refresh_token: WillsOuraToken}
//
// A new provider that is like none states all five of these. The keys of providerKeys
// are optional everywhere. URLs are https, or http on loopback.
//
// The error names every problem at once, each as filename:line. It quotes no
// values of unknown keys, because a secret may have strayed there.
func (t Table) Override(yaml []byte, filename string) (Table, error) {
	found := &problems{file: filename}
	merged := Table{byName: maps.Clone(t.byName), accounts: maps.Clone(t.accounts)}
	providers, accounts := readSections(yaml, found)
	for _, e := range providers {
		base := newProvider(e, t, merged, found)
		changed := e.apply(base, found)
		if _, stated := e.first("replay_ends_on_use"); changed.ReplayWindow == 0 && !stated {
			changed.ReplayEndsOnUse = false // the early end of a built-in window that the entry takes away
		}
		checkWindow(changed, e, found)
		checkReuse(changed, e, found)
		checkPause(changed, e, found)
		checkEarlyEnd(changed, e, found)
		if _, err := token.NewAccount(e.name, ""); err == nil { // others cannot be in any message's list
			merged.byName[e.name] = changed
		}
	}
	for _, e := range accounts {
		if account, settings, ok := readAccount(e, merged, found); ok {
			if merged.accounts == nil {
				merged.accounts = map[string]Settings{}
			}
			merged.accounts[account.Provider+"/"+account.Name] = settings
		}
	}
	checkNames(merged, providers, accounts, found)
	if err := found.err(); err != nil {
		return Table{}, err
	}
	return merged, nil
}

// newProvider is what an entry's keys change: the table's provider of its name, or a new
// one, which is checked for what it has to state.
func newProvider(e entry, table, merged Table, found *problems) Provider {
	like, copies := e.first("like")
	if known, ok := table.byName[e.name]; ok {
		if copies {
			found.add(like.line, "provider %.60q: like is for a new provider, and this one is built in", e.name)
		}
		return known
	}
	base := Provider{Dialect: RFC6749}
	if copies {
		base = modelFor(e, like, table, found)
	}
	base.Name = e.name
	base.Title = base.camelName()
	checkNew(e, copies, found)
	checkDistinct(base, e.line, merged, found)
	return base
}

// modelFor is the built-in provider that a new one is like. Its secrets' names are not
// copied: each provider has its own.
func modelFor(e entry, like field, table Table, found *problems) Provider {
	name, err := like.value.text()
	model, known := table.byName[name]
	switch {
	case err != nil:
		found.add(like.line, "provider %.60q: like %v", e.name, err)
	case !known:
		found.add(like.line, "provider %.60q: like must be one of %s", e.name, table.list())
	}
	model.SecretNames = SecretNames{}
	return model
}

// checkNew demands the keys that have no safe default: each decides whether a
// token survives a lost answer.
func checkNew(e entry, copies bool, found *problems) {
	if _, err := token.NewAccount(e.name, ""); err != nil {
		found.add(e.line, "%v", err)
	}
	if strings.Contains(e.name, "token-refresh") {
		found.add(e.line, "provider %.60q would share workflow ids with another provider's accounts; leave token-refresh out of its name", e.name)
	}
	if copies {
		return
	}
	var missing []string
	for _, key := range []string{"token_url", "auth_style", "rotation", "replay_window", "access_token_lifetime"} {
		if !slices.ContainsFunc(e.fields, func(f field) bool { return f.key == key }) {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		found.add(e.line, "provider %.60q is a new one and must state %s, or which built-in provider it is like", e.name, strings.Join(missing, ", "))
	}
}

// checkDistinct demands names that differ without hyphens and capitals, as they
// stand in Key Vault.
func checkDistinct(p Provider, line int, others Table, found *problems) {
	for _, other := range others.Providers() {
		if strings.EqualFold(other.CredentialsName(), p.CredentialsName()) {
			found.add(line, "provider %.60q would share its names in the vault (%.60s) with provider %q; call one of them otherwise",
				p.Name, shown(p.CredentialsName()), other.Name)
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
		found.add(f.line, "provider %.60q: rotation none and a replay_window of %s contradict each other; state replay_window 0s if its refresh tokens never change, or else another rotation",
			p.Name, p.ReplayWindow)
	}
}

// checkReuse refuses a reuse where no refresh token is spent.
func checkReuse(p Provider, e entry, found *problems) {
	if p.Rotation != NoRotation || p.Reuse == "" {
		return
	}
	if f, ok := e.first("rotation", "reuse"); ok {
		found.add(f.line, "provider %.60q: rotation none and reuse contradict each other; a token that never changes is never spent", p.Name)
	}
}

// checkPause demands a replay window in which an answer that was lost can be asked for
// more than once.
func checkPause(p Provider, e entry, found *problems) {
	if p.ReplayWindow == 0 || p.RepeatPause <= p.ReplayWindow/4 {
		return
	}
	if f, ok := e.first("replay_window", "repeat_pause"); ok {
		found.add(f.line, "provider %.60q: a repeat_pause of %s is more than a quarter of the replay_window of %s, which leaves too few attempts; correct one of them",
			p.Name, p.RepeatPause, p.ReplayWindow)
	}
}

// checkEarlyEnd refuses an early end of a replay window that there is not.
func checkEarlyEnd(p Provider, e entry, found *problems) {
	if !p.ReplayEndsOnUse || p.ReplayWindow > 0 {
		return
	}
	if f, ok := e.first("replay_window", "replay_ends_on_use", "rotation"); ok {
		found.add(f.line, "provider %.60q: replay_ends_on_use needs a replay_window to end; state its length, or leave replay_ends_on_use out", p.Name)
	}
}
