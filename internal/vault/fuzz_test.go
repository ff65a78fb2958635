package vault_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// FuzzNames takes any two accounts of the built-in providers: no two have one secret, in
// Key Vault's eyes, which do not tell capitals apart, and every name is one that it takes.
func FuzzNames(f *testing.F) {
	f.Add("fitbit", "will", "withings", "will")
	f.Add("fitbit", "withings-will", "withings", "will")
	f.Add("fitbit", "Will", "fitbit", "will")
	f.Add("google-health", "default", "fitbit", "google-health")
	f.Add("fitbit", "tokenkeeperkeyset", "xero", "refreshtoken")
	f.Fuzz(func(t *testing.T, provider1, name1, provider2, name2 string) {
		table := provider.Builtin()
		var (
			accounts [2]token.Account
			located  [2]vault.Location
		)
		for i, names := range [][2]string{{provider1, name1}, {provider2, name2}} {
			var err error
			if accounts[i], err = token.NewAccount(names[0], names[1]); err != nil {
				return
			}
			if located[i], err = vault.Locate(table, accounts[i]); err != nil {
				return
			}
			for _, name := range tokenNames(located[i]) {
				if len(name) > 127 || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
					t.Errorf("%v has the secret %q", accounts[i], name)
				}
			}
		}
		if accounts[0] == accounts[1] {
			return
		}
		for _, a := range tokenNames(located[0]) {
			for _, b := range tokenNames(located[1]) {
				if strings.EqualFold(a, b) {
					t.Errorf("%v and %v share %s", accounts[0], accounts[1], a)
				}
			}
		}
	})
}

func tokenNames(l vault.Location) []string {
	return []string{l.Names.RefreshToken, l.Names.AccessToken}
}

// FuzzTags loads a token whose tags another program wrote: nothing panics, no number
// overflows, and what is taken over can be printed.
func FuzzTags(f *testing.F) {
	f.Add("generation", "9223372036854775807", "fingerprint", "0123456789abcdef")
	f.Add("generation", "-1", "parent", "x")
	f.Add("generation", "1e3", "consent", "\x1b[2J")
	f.Add("refresh-started-at", "2026-01-01T00:00:00Z / x", "refresh-run-id", "r")
	f.Add("refresh-earlier-run", "a 2026-01-01T00:00:00Z;;b;", "refresh-started-at", "never")
	f.Add("provider", "withings", "account", "anna")
	f.Add("user-id", "\u202e", "obtained-at", "9999-99-99")
	f.Add("follows-generation", "99999999999999999999", "promoted-for", "")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string) {
		for _, described := range []bool{false, true} {
			memory := &memvault.Vault{Now: time.Now}
			tags := map[string]string{key1: value1, key2: value2}
			if described {
				tags["fingerprint"] = string(old.refresh(0).Fingerprint())
			}
			if _, err := memory.Set(t.Context(), names.RefreshToken, old.refresh(0), vault.Properties{Tags: tags}); err != nil {
				return
			}
			held, _, err := vault.New(memory).Load(t.Context(), names, 0)
			if err != nil {
				continue
			}
			if g := held.Generation; g < 0 || g+1 < g {
				t.Errorf("%v gives the generation %d", tags, g)
			}
			for what, text := range map[string]string{"user id": held.UserID, "consent": string(held.Consent), "parent": string(held.Parent)} {
				if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%v gives the %s %q", tags, what, text)
				}
			}
			if held.Fingerprint != old.refresh(0).Fingerprint() {
				t.Errorf("%v gives another token's fingerprint", tags)
			}
		}
	})
}
