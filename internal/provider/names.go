package provider

import (
	"cmp"
	"strings"

	"tokenkeeper/internal/token"
)

// ActivityType is the Temporal activity that calls this provider, such as
// "CallFitbit". No two providers of a table share one.
func (p Provider) ActivityType() string { return ActivityTypeOf(p.Name) }

// ActivityTypeOf is the ActivityType of the provider of this name, also where no table
// has it.
func ActivityTypeOf(name string) string { return "Call" + Provider{Name: name}.camelName() }

// VaultPrefix starts the names of the provider's tokens in the vault. It is
// empty for the default provider, which keeps the original article's names.
func (p Provider) VaultPrefix() string {
	if p.Name == token.DefaultProvider {
		return ""
	}
	return p.camelName()
}

// CredentialsName is the vault secret with the provider's client credentials,
// such as "FitbitCredentials", where nothing else is stated.
func (p Provider) CredentialsName() string { return p.camelName() + "Credentials" }

// camelName is Name without hyphens, each word capitalised.
func (p Provider) camelName() string {
	var b strings.Builder
	for word := range strings.SplitSeq(p.Name, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// NamesOf returns the names of the secrets of one of p's accounts: those that the account
// states, else those of the entry, else those made by the rule. A named account has its
// name before the entry's: "will-WithingsRefreshToken". The client is the same for all
// accounts of a provider that state none; it has Credentials, or ClientID and
// ClientSecret.
func (p Provider) NamesOf(account string, stated SecretNames) SecretNames {
	names := SecretNames{
		RefreshToken: cmp.Or(stated.RefreshToken, p.tokenName(account, p.SecretNames.RefreshToken, refreshTokenKind)),
		AccessToken:  cmp.Or(stated.AccessToken, p.tokenName(account, p.SecretNames.AccessToken, accessTokenKind)),
	}
	client := p.SecretNames
	if stated.Credentials != "" || stated.ClientID != "" {
		client = stated
	}
	names.Credentials, names.ClientID, names.ClientSecret = client.Credentials, client.ClientID, client.ClientSecret
	if names.ClientID == "" {
		names.Credentials = cmp.Or(names.Credentials, p.CredentialsName())
	}
	return names
}

// The ends of the names that are made by the rule.
const (
	refreshTokenKind = "RefreshToken"
	accessTokenKind  = "AccessToken"
)

// tokenName is the entry's name of a token, or the one by the rule, for an account.
func (p Provider) tokenName(account, stated, kind string) string {
	var parts []string
	if stated == "" && p.VaultPrefix() != "" {
		parts = append(parts, p.VaultPrefix())
	}
	if account != token.DefaultAccount {
		parts = append(parts, account)
	}
	return strings.Join(append(parts, cmp.Or(stated, kind)), "-")
}

// claim is one secret's name, and what has it.
type claim struct {
	name  string
	owner string // "provider/account", "provider" for its client, or empty for the keyset
	what  string // "the refresh token of oura/will"
	// client is what of a client it is; empty for a token. A client's secrets are only
	// read, so that the accounts of one provider may share them.
	client string
}

// key is what Key Vault compares.
func (c claim) key() string { return strings.ToLower(c.name) }

// keysetName is the secret with the keyset that seals what the workflows carry.
const keysetName = "TokenKeeperKeyset"

// claims are the names of all secrets that the table knows of: the keyset's, then those of
// each provider's default account and of the accounts with settings.
func (t Table) claims() []claim {
	claims := []claim{{name: keysetName, what: "the keyset"}}
	for _, p := range t.Providers() {
		claims = append(claims, p.accountClaims(token.DefaultAccount, t.accounts[p.Name+"/"+token.DefaultAccount].SecretNames)...)
		claims = append(claims, clientClaims(p.Name, p.NamesOf(token.DefaultAccount, SecretNames{}))...)
	}
	for _, owner := range t.Accounts() {
		providerName, account, _ := strings.Cut(owner, "/")
		stated := t.accounts[owner].SecretNames
		if account != token.DefaultAccount {
			claims = append(claims, t.byName[providerName].accountClaims(account, stated)...)
		}
		claims = append(claims, clientClaims(owner, stated)...)
	}
	return claims
}

// accountClaims are the names of an account's tokens.
func (p Provider) accountClaims(account string, stated SecretNames) []claim {
	owner, names := p.Name+"/"+account, p.NamesOf(account, stated)
	return []claim{
		{name: names.RefreshToken, owner: owner, what: "the refresh token of " + owner},
		{name: names.AccessToken, owner: owner, what: "the access token of " + owner},
	}
}

// clientClaims are the names of a client that is stated.
func clientClaims(owner string, names SecretNames) []claim {
	var claims []claim
	add := func(name, kind string) {
		if name != "" {
			claims = append(claims, claim{name: name, owner: owner, what: "the " + kind + " of " + owner, client: kind})
		}
	}
	add(names.Credentials, "credentials")
	add(names.ClientID, "client id")
	add(names.ClientSecret, "client secret")
	return claims
}
