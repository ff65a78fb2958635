package provider

import (
	"fmt"
	"slices"
	"strings"

	"tokenkeeper/internal/token"
)

// checkNames refuses two secrets of one name: a refresh of one account would write over
// another's. It looks at what the file states, and at what the rule gives the accounts of
// the file and each provider's default account.
func checkNames(t Table, providers, accounts []entry, found *problems) {
	lines := map[string]int{} // of the statements, by owner
	for _, e := range providers {
		if f, ok := e.first("secret_names"); ok {
			lines[e.name] = f.line
			checkStem(t.byName[e.name], f.line, t, found)
		}
	}
	for _, e := range accounts {
		lines[e.name] = e.line
		if f, ok := e.first("secret_names"); ok {
			lines[e.name] = f.line
		}
	}
	lineOf := func(c claim) int {
		if line, ok := lines[c.owner]; ok {
			return line
		}
		return lines[providerOf(c.owner)]
	}
	first := map[string]claim{}
	for _, c := range t.claims() {
		other, taken := first[c.key()]
		switch {
		case !taken:
			first[c.key()] = c
		case max(lineOf(c), lineOf(other)) == 0: // checkDistinct has refused the provider
		case c.collides(other):
			found.add(max(lineOf(c), lineOf(other)), "secret_names: %s and %s would share the secret %s; choose another name for one of them", c.what, other.what, c.name)
		}
	}
}

// collides reports whether two claims of one name cannot both be: one secret would be
// written by two, or be read as something else than it is. Accounts of one provider may
// share a client.
func (c claim) collides(other claim) bool {
	return c.client == "" || c.client != other.client || providerOf(c.owner) != providerOf(other.owner)
}

// providerOf is the provider of an owner.
func providerOf(owner string) string {
	name, _, _ := strings.Cut(owner, "/")
	return name
}

// checkStem refuses names of a provider that its named accounts could share with another
// provider's. Theirs is NAME-STEM, so that no stem may end with a hyphen and another one,
// nor as the names do that are made by the rule.
func checkStem(p Provider, line int, t Table, found *problems) {
	for _, stem := range []string{p.SecretNames.RefreshToken, p.SecretNames.AccessToken} {
		if stem == "" {
			continue
		}
		what := fmt.Sprintf("provider %.60q: secret_names: %s", p.Name, stem)
		if len(stem) > longestStem {
			found.add(line, "%s has %d characters; use at most %d, because the names of accounts come before it", what, len(stem), longestStem)
		}
		if other, ok := stemsOf(t, p, stem); ok {
			found.add(line, "%s ends with %s, so that a named account's secret could be another's; choose another name, or state it for the account %s/%s under accounts",
				what, other, p.Name, token.DefaultAccount)
		}
	}
}

// longestStem leaves room for an account's name before it.
const longestStem = 127 - token.MaxName - 1

// stemsOf finds a stem that this one of p ends with, after a hyphen.
func stemsOf(t Table, p Provider, stem string) (string, bool) {
	others := []string{refreshTokenKind, accessTokenKind}
	for _, other := range t.Providers() {
		for _, name := range []string{other.SecretNames.RefreshToken, other.SecretNames.AccessToken} {
			if name != "" {
				others = append(others, name)
			}
		}
	}
	i := slices.IndexFunc(others, func(other string) bool {
		byRule := p.VaultPrefix() != "" && (other == refreshTokenKind || other == accessTokenKind) && strings.EqualFold(stem, other)
		return byRule || strings.HasSuffix(strings.ToLower(stem), "-"+strings.ToLower(other))
	})
	if i < 0 {
		return "", false
	}
	return others[i], true
}
