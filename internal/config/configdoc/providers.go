package main

import (
	"fmt"
	"strings"

	"tokenkeeper/internal/provider"
)

const providersTop = `
## The providers file

` + "`TOKENKEEPER_PROVIDERS`" + ` names a YAML file that changes built-in providers, adds others, and states settings for single accounts. The worker and the starter
need the same one. All its mistakes are reported at once, each with its line; no key that is unknown is taken, and aliases and merges are refused. What each key of a
provider means for the safety of a grant is in [providers.md](providers.md#one-of-your-own).

` + "```yaml" + `
providers:
  oura:                       # a built-in name: only what is stated changes
    token_urls:
      moi: https://moi.ouraring.com/oauth/v2/ext/oauth-token
  withings:                   # its secrets have the names that other programs read
    secret_names:
      refresh_token: WithingsRefreshToken
      access_token: WithingsAccessToken
      client_id: WithingsClientId
      client_secret: WithingsClientSecret
  xero-acme:                  # a new one that is like a built-in one
    like: xero
    token_url: https://login.acme.example/token
  example-health:             # a new one of RFC 6749: these five must be stated
    token_url: https://auth.example.com/token
    auth_style: header
    rotation: single-use
    replay_window: 30m
    access_token_lifetime: 30m
    dead_answers:
      - {status: 200, field: error.code, value: token_gone}
accounts:
  oura/will:                  # provider/account
    token_url: moi
    secret_names: {refresh_token: WillsOuraToken}
` + "```" + `

URLs are https, or http on loopback, and have at most 500 bytes; durations have their unit (` + "`2m`, `8h`, `90d`, `0s`" + `); texts are one line of at most 500 printable bytes. Parameters cannot
replace the protocol's own, and no secret's value belongs into the file. Names of secrets are Key Vault's: 1 to 127 letters, digits and hyphens, of which no two may differ in capitals alone. No
account may share the name of a token with another account, with a client's secret or with the keyset; the accounts of one provider may share a client.

`

// providersSection documents the providers file.
func providersSection() string {
	entry, account, dead, names := provider.FileKeys()
	var b strings.Builder
	b.WriteString(providersTop)
	for _, table := range []struct {
		head string
		keys []provider.FileKey
	}{
		{"Key of a provider", entry},
		{"Key of a dead answer", dead},
		{"Key of an account", account},
		{"Key of `secret_names`", names},
	} {
		fmt.Fprintf(&b, "| %s | Meaning |\n|---|---|\n", table.head)
		for _, key := range table.keys {
			fmt.Fprintf(&b, "| `%s` | %s |\n", key.Name, key.Meaning)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
