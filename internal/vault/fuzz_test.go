package vault_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// FuzzTags has a stranger write a tag of the refresh and the access token. The account
// goes on, or is another provider's by that tag.
func FuzzTags(f *testing.F) {
	for i, value := range absurd {
		f.Add(programsTags[i%len(programsTags)], value, i%2 == 0)
	}
	f.Add("generation", "3", true)
	f.Add("provider", "google-health", true)
	f.Add("refresh-started-at", "2026-01-01T00:00:00Z / 00000000000000000000000000000002", true)
	f.Fuzz(func(t *testing.T, tag, value string, refresh bool) {
		r := open(t)
		r.upTo(old, 2)
		name := names.AccessToken
		if refresh {
			name = names.RefreshToken
		}
		top := r.top(name)
		top.Tags[tag] = value
		require.NoError(t, r.secrets.SetTags(t.Context(), name, top.Version, top.Tags))
		current, access, err := r.vault.Load(t.Context(), names, 0)
		if err != nil {
			require.ErrorIs(t, err, vault.ErrOtherProvider)
			require.Equal(t, "provider", tag)
			require.NotContains(t, err.Error(), "\x1b")
			return
		}
		requireHarmless(t, current, access)
		require.NoError(t, r.vault.RecordIntent(t.Context(), names, account, current, run, current.Intents()))
		e := issuedNow(current, "next")
		r.store(e)
		current, access = r.load()
		require.Equal(t, e.Provenance, current.Provenance)
		require.Equal(t, current.Generation, access.Generation)
		for _, name := range []string{names.RefreshToken, names.AccessToken} {
			require.LessOrEqual(t, len(r.top(name).Tags), 16, "one of the stranger's and fifteen")
		}
	})
}

// FuzzValue has a user put a value by hand. What is presented is a token, and is part of it.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{"fake-1\n", "\ufefffake-1", `"fake-1"`, "1%2F%2Ffake", `{"refresh_token":"fake"}`, "RT=fake", "", "\x00", strings.Repeat("a", token.MaxLength+1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := open(t)
		if _, err := r.secrets.Set(t.Context(), names.RefreshToken, token.NewSecret(value), vault.Properties{}); err != nil {
			return // Key Vault takes no such value
		}
		current, _, err := r.vault.Load(t.Context(), names, 0)
		if err != nil {
			require.ErrorIs(t, err, vault.ErrMalformed)
			return
		}
		require.Contains(t, value, current.Value.Reveal())
		require.NoError(t, token.CheckValue(current.Value.Reveal()))
		r.recordIntent(current)
		again, _ := r.load()
		require.Equal(t, current.Value, again.Value, "it reads otherwise beside its tags")
		require.True(t, again.Tagged())
	})
}

// FuzzCredentials holds that what is read can be written and read again, in both forms.
func FuzzCredentials(f *testing.F) {
	for _, seed := range []string{"fake-id:fake-secret", "fake-id:", ":fake", "fake-id:a:b", "\ufefffake-id:fake\n", "f\x00:\x00", "fake-id: fake", "ü:ü", `fake-id:"fake"`} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(seed)))
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(seed)))
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := open(t)
		r.secrets.Put(names.Credentials, value)
		client, err := r.vault.Credentials(t.Context(), names)
		if err != nil {
			require.ErrorIs(t, err, vault.ErrMalformed)
			require.Zero(t, client)
			return
		}
		other := names
		other.Credentials = "OtherCopy"
		require.NoError(t, r.vault.PutCredentials(t.Context(), other, client))
		again, err := r.vault.Credentials(t.Context(), other)
		require.NoError(t, err)
		require.Equal(t, client, again)

		inTwo := vault.Names{ClientID: "FakeID", ClientSecret: "FakeSecret"}
		if err := r.vault.PutCredentials(t.Context(), inTwo, client); err != nil {
			require.ErrorIs(t, err, vault.ErrMalformed)
			return
		}
		again, err = r.vault.Credentials(t.Context(), inTwo)
		require.NoError(t, err)
		require.Equal(t, client, again)
	})
}

// FuzzNames states names for an account and a provider. No secret that two accounts can
// write has one name, without regard to case.
func FuzzNames(f *testing.F) {
	for _, seed := range [][4]string{
		{"will-RefreshToken", "WithingsRefreshToken", "will", "bob"}, {"X", "x", "will", "x"}, {"Withings-will-AccessToken", "a-X", "a", "will"},
		{"TokenKeeperKeyset", "WithingsCredentials", "default", "withings"}, {"eve-R", "R", "eve", "eve-eve"}, {"R-", "-R", "r", "r-r"}, {"fitbitcredentials", "RefreshToken", "default", "refreshtoken"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, ofAccount, ofProvider, one, another string) {
		for _, name := range []string{one, another} {
			if a, err := token.NewAccount("fitbit", name); err != nil || a.Name != name {
				return
			}
		}
		if strings.ContainsAny(ofAccount+ofProvider, "\"\\\n\r\t\x00{}[],&*#?|<>=!%@`'") {
			return // not this fuzzer's grammar
		}
		table, err := provider.Builtin().Override([]byte(fmt.Sprintf("providers: {withings: {secret_names: {refresh_token: %q}}}\naccounts: {oura/%s: {secret_names: {access_token: %q}}}", ofProvider, one, ofAccount)), "providers.yaml")
		if err != nil {
			return
		}
		seen := map[string]string{"tokenkeeperkeyset": "the keyset"}
		for _, p := range []string{"fitbit", "withings", "oura"} {
			for _, name := range []string{"default", one, another} {
				l, err := vault.Locate(table, token.Account{Provider: p, Name: name})
				if err != nil {
					continue
				}
				for kind, secret := range map[string]string{"refresh": l.Names.RefreshToken, "access": l.Names.AccessToken} {
					require.Regexp(t, `^[0-9a-zA-Z-]{1,127}$`, secret)
					use, key := kind+" of "+p+"/"+name, strings.ToLower(secret)
					if before := seen[key]; before != "" && before != use {
						require.Failf(t, "one name for two", "%s: %s and %s", secret, before, use)
					}
					seen[key] = use
				}
				require.Empty(t, seen[strings.ToLower(l.Names.Credentials)])
			}
		}
	})
}
