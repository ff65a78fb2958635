package vault

import (
	"fmt"
	"regexp"
	"strings"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// secretKind is what a secret holds, as a key of secret_names.
type secretKind string

const (
	refreshToken secretKind = "refresh_token"
	accessToken  secretKind = "access_token"
	credentials  secretKind = "credentials"
	clientID     secretKind = "client_id"
	clientSecret secretKind = "client_secret"
	keysetKind   secretKind = "keyset"
)

// tokenKinds end the names that are made by rule.
var tokenKinds = map[secretKind]string{refreshToken: "RefreshToken", accessToken: "AccessToken"}

// ofKind is a stated name.
func ofKind(s provider.SecretNames, k secretKind) string {
	return map[secretKind]string{refreshToken: s.RefreshToken, accessToken: s.AccessToken, credentials: s.Credentials, clientID: s.ClientID, clientSecret: s.ClientSecret}[k]
}

// claim is a name's use: the token of an account, such as "withings/will", or the client
// of a provider, such as "withings", which its accounts share.
type claim struct {
	kind  secretKind
	owner string
}

func (c claim) String() string {
	if c.kind == keysetKind {
		return "Token Keeper's keyset"
	}
	return fmt.Sprintf("the %s of %s", c.kind, c.owner)
}

// Key Vault's rule for names, which it compares without regard to case.
var validName = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)

// checkNames refuses an account with a stated name that is in use for anything else: by
// rule, or by what the providers file states elsewhere. What has its names by rule never
// gives way, and no two names by rule are the same; see checkPrefix.
func checkNames(table provider.Table, a token.Account, n Names) error {
	keeper := a.Provider
	if a.SecretsOf != "" {
		keeper = a.SecretsOf
	}
	account := keeper + "/" + a.Name
	uses := []struct {
		claim
		name string
	}{
		{claim{refreshToken, account}, n.RefreshToken}, {claim{accessToken, account}, n.AccessToken},
		{claim{credentials, a.Provider}, n.Credentials}, {claim{clientID, a.Provider}, n.ClientID}, {claim{clientSecret, a.Provider}, n.ClientSecret},
	}
	for _, use := range uses {
		if use.name != "" && !validName.MatchString(use.name) {
			return fmt.Errorf("account %q at %s would have %s in %.140q, which is no name of Key Vault's: those have 1 to 127 letters, digits and hyphens; state a shorter or other %s in secret_names of the providers file",
				a.Name, a.Provider, use.claim, use.name, use.kind)
		}
	}
	var stated []string // for accounts; read once, for a file may state thousands
	for _, use := range uses {
		if use.name == "" || isByRule(table, use.claim, use.name) {
			continue
		}
		if stated == nil {
			stated = table.Accounts()
		}
		for _, other := range claims(table, stated, use.name) {
			if other != use.claim {
				return fmt.Errorf("account %q at %s would have %s in %s, which is for %s; state another %s in secret_names of the providers file",
					a.Name, a.Provider, use.claim, use.name, other, use.kind)
			}
		}
	}
	return nil
}

// isByRule reports whether a name is the one that its use has where nothing is stated.
func isByRule(table provider.Table, c claim, name string) bool {
	issuer, account, _ := strings.Cut(c.owner, "/")
	p, err := table.Lookup(issuer)
	p.SecretNames = provider.SecretNames{}
	return err == nil && name == ofKind(p.NamesOf(account, provider.SecretNames{}), c.kind)
}

// claims lists all that a name is for: by rule, by the providers' entries and by what is
// stated for the given accounts.
func claims(table provider.Table, accounts []string, name string) (all []claim) {
	add := func(k secretKind, owner string) { all = append(all, claim{k, owner}) }
	if strings.EqualFold(name, seal.SecretName) {
		add(keysetKind, "")
	}
	for _, p := range table.Providers() {
		if strings.EqualFold(name, p.CredentialsName()) {
			add(credentials, p.Name)
		}
		for _, k := range []secretKind{credentials, clientID, clientSecret} {
			if stated := ofKind(p.SecretNames, k); strings.EqualFold(name, stated) {
				add(k, p.Name)
			}
		}
		for k, last := range tokenKinds {
			account, found := accountIn(name, p.VaultPrefix(), last)
			if _, _, begins := beginsWithPrefix(account, table); found && (p.VaultPrefix() != "" || !begins) {
				add(k, p.Name+"/"+account)
			}
			if stated := ofKind(p.SecretNames, k); stated != "" {
				if account, found := accountIn(name, "", stated); found {
					add(k, p.Name+"/"+account)
				}
			}
		}
	}
	for _, account := range accounts {
		issuer, of, _ := strings.Cut(account, "/")
		stated := table.Settings(token.Account{Provider: issuer, Name: of}).SecretNames
		for _, k := range []secretKind{refreshToken, accessToken, credentials, clientID, clientSecret} {
			switch _, isToken := tokenKinds[k]; {
			case !strings.EqualFold(name, ofKind(stated, k)):
			case isToken:
				add(k, account)
			default:
				add(k, issuer)
			}
		}
	}
	return all
}

// accountIn is the account whose secret has a name that begins and ends so.
func accountIn(name, prefix, last string) (account string, found bool) {
	rest, found := cutSuffixFold(name, last)
	if prefix != "" && found {
		rest, found = cutPrefixFold(rest, prefix+"-")
	}
	if !found || rest == "" {
		return token.DefaultAccount, found
	}
	rest, found = strings.CutSuffix(rest, "-")
	a, err := token.NewAccount("", strings.ToLower(rest))
	return a.Name, found && err == nil && rest != "" && !a.IsDefault()
}

func cutSuffixFold(s, suffix string) (string, bool) {
	at := len(s) - len(suffix)
	if at < 0 || !strings.EqualFold(s[at:], suffix) {
		return s, false
	}
	return s[:at], true
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
