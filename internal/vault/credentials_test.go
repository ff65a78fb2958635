package vault_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestCredentialsAreTheBase64OfIDAndSecret(t *testing.T) {
	long := "fake-client-id-" + strings.Repeat("1", 60)
	wrapped := encoded(long + ":fake-client-secret")
	for _, tc := range []struct{ name, value, id, secret string }{
		{"as the article stores them", encoded("23ABCD:fake-client-secret"), "23ABCD", "fake-client-secret"},
		{"with the line break of a file", encoded("23ABCD:fake-client-secret") + "\n", "23ABCD", "fake-client-secret"},
		{"with the line break of echo inside", encoded("23ABCD:fake-client-secret\n"), "23ABCD", "fake-client-secret"},
		{"wrapped at 76 columns", wrapped[:76] + "\n" + wrapped[76:], long, "fake-client-secret"},
		{"without padding", strings.TrimRight(encoded("23ABC:fake-client-secret"), "="), "23ABC", "fake-client-secret"},
		{"a secret with a colon", encoded("23ABCD:fake:secret"), "23ABCD", "fake:secret"},
		{"in the alphabet of addresses", base64.RawURLEncoding.EncodeToString([]byte("23ABCD:fake-???>>>~~~")), "23ABCD", "fake-???>>>~~~"},
		{"with a byte order mark", "\ufeff" + encoded("23ABCD:fake-client-secret"), "23ABCD", "fake-client-secret"},
		{"with the byte order mark of a file inside", encoded("\ufeff23ABCD:fake-client-secret\r\n"), "23ABCD", "fake-client-secret"},
		{"a public client, without a secret", encoded("23ABCD:"), "23ABCD", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			r.secrets.Put(names.Credentials, tc.value)
			got, err := r.vault.Credentials(t.Context(), names)
			require.NoError(t, err)
			require.Equal(t, token.Client{ID: tc.id, Secret: token.NewSecret(tc.secret)}, got)
		})
	}
}

func TestMalformedCredentialsAreNamedAndNeverShown(t *testing.T) {
	for _, tc := range []struct{ name, value, want string }{
		{"empty", " \n", "it is empty"},
		{"in the clear", "23ABCD:fake-client-secret", "it looks like client_id:client_secret in the clear, not in base64"},
		{"a JSON object", `{"id":"23ABCD"}`, "in the clear"},
		{"not base64", "fake-client-secret!", "it is not base64"},
		{"in quotes", `"` + encoded("23ABCD:fake-client-secret") + `"`, "it is not base64; it has quotes, which are no part of it"},
		{"base64 of UTF-16", base64.StdEncoding.EncodeToString([]byte("2\x003\x00:\x00f\x00")), "but perhaps in UTF-16"},
		{"base64 of the secret alone", encoded("fake-client-secret"), "its base64 holds no colon between client id and client secret"},
		{"base64 of the base64", encoded(encoded("23ABCD:fake-client-secret")), "its base64 holds no colon"},
		{"no id", encoded(":fake-client-secret"), "its base64 does not hold a client id and a client secret in plain text"},
		{"a space within", encoded("23ABCD: fake-client-secret"), "in plain text"},
		{"bytes", encoded("23ABCD:fake\x00\xff"), "in plain text"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			r.secrets.Put(names.Credentials, tc.value)
			got, err := r.vault.Credentials(t.Context(), names)
			require.ErrorIs(t, err, vault.ErrMalformed)
			require.ErrorContains(t, err, "vault: read FitbitCredentials: malformed (")
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, "; store the base64 of client_id:client_secret in it")
			for _, part := range []string{"23ABCD", "fake", encoded("fake")[:4]} {
				require.NotContains(t, err.Error(), part)
			}
			require.Zero(t, got)
		})
	}
}

func TestCredentialsThatCannotBeReadAreExplained(t *testing.T) {
	r := open(t)
	_, err := r.vault.Credentials(t.Context(), names)
	require.EqualError(t, err, "vault: get FitbitCredentials: not found (in memory); store the base64 of client_id:client_secret in it: az keyvault secret set --vault-name VAULT --name FitbitCredentials --file FILE")

	r.secrets.Put(names.Credentials, encoded("23ABCD:fake-client-secret"))
	r.secrets.Delete(names.Credentials)
	_, err = r.vault.Credentials(t.Context(), names)
	require.ErrorIs(t, err, vault.ErrDeleted)
	require.ErrorContains(t, err, "az keyvault secret recover --vault-name VAULT --name FitbitCredentials")

	r.secrets.Before = refusing("get "+names.Credentials, vault.ErrUnavailable)
	_, err = r.vault.Credentials(t.Context(), names)
	require.ErrorIs(t, err, vault.ErrUnavailable)
}

// inTheClear are the names of those who come from the article author's own later project.
var inTheClear = vault.Names{
	RefreshToken: "WithingsRefreshToken", AccessToken: "WithingsAccessToken",
	ClientID: "WithingsClientId", ClientSecret: "WithingsClientSecret", Provider: "withings",
}

func TestCredentialsMayBeInTwoSecretsInTheClear(t *testing.T) {
	r := open(t)
	r.secrets.Put("WithingsClientId", "\ufefffake-id\n")
	r.secrets.Put("WithingsClientSecret", " fake-secret\r\n")
	got, err := r.vault.Credentials(t.Context(), inTheClear)
	require.NoError(t, err)
	require.Equal(t, token.Client{ID: "fake-id", Secret: token.NewSecret("fake-secret")}, got)
}

func TestMalformedCredentialsInTheClearNameTheirSecret(t *testing.T) {
	const fixID, fixSecret = "; store the client id from the app's registration in it, and nothing else", "; store the client secret from the app's registration in it, and nothing else"
	for _, tc := range []struct{ name, id, secret, want string }{
		{"an empty id", " ", "fake-secret", "vault: read WithingsClientId: malformed (it is empty)" + fixID},
		{"an empty secret", "fake-id", "", "vault: read WithingsClientSecret: malformed (it is empty)" + fixSecret},
		{"an id in quotes", `"fake-id"`, "fake-secret", "vault: read WithingsClientId: malformed (it is in quotes, which are no part of it)" + fixID},
		{"an assignment", "fake-id", "CLIENT_SECRET=fake-secret", "vault: read WithingsClientSecret: malformed (it is an assignment such as NAME=value, and not the value alone)" + fixSecret},
		{"both in one", "fake-id:fake-secret", "fake-secret", "vault: read WithingsClientId: malformed (a client id has no colon, and neither it nor its secret has blanks)" + fixID},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			r.secrets.Put("WithingsClientId", tc.id)
			r.secrets.Put("WithingsClientSecret", tc.secret)
			got, err := r.vault.Credentials(t.Context(), inTheClear)
			require.EqualError(t, err, tc.want)
			require.ErrorIs(t, err, vault.ErrMalformed)
			require.Zero(t, got)
		})
	}
	r := open(t)
	_, err := r.vault.Credentials(t.Context(), inTheClear)
	require.ErrorContains(t, err, "vault: get WithingsClientId: not found (in memory); store the client id in it: az keyvault")
	r.secrets.Put("WithingsClientId", "fake-id")
	_, err = r.vault.Credentials(t.Context(), inTheClear)
	require.ErrorContains(t, err, "vault: get WithingsClientSecret: not found (in memory); store the client secret in it: az keyvault")
}

func TestCredentialsAreWrittenInTheFormInUse(t *testing.T) {
	for _, tc := range []struct {
		name  string
		names vault.Names
		want  map[string]string
	}{
		{"in one secret", names, map[string]string{"FitbitCredentials": encoded("fake-id:fake-secret")}},
		{"in two", inTheClear, map[string]string{"WithingsClientId": "fake-id", "WithingsClientSecret": "fake-secret"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := openUnproven(t)
			client := token.Client{ID: "fake-id", Secret: token.NewSecret("fake-secret")}
			for range 2 {
				require.NoError(t, r.vault.PutCredentials(t.Context(), tc.names, client))
			}
			for name, want := range tc.want {
				require.Equal(t, []string{want}, r.values(name), "it is written once")
			}
			got, err := r.vault.Credentials(t.Context(), tc.names)
			require.NoError(t, err)
			require.Equal(t, client, got)

			rotated := token.Client{ID: "fake-id", Secret: token.NewSecret("fake-rotated")}
			require.NoError(t, r.vault.PutCredentials(t.Context(), tc.names, rotated))
			got, err = r.vault.Credentials(t.Context(), tc.names)
			require.NoError(t, err)
			require.Equal(t, rotated, got)
			if tc.names.ClientID != "" {
				require.Len(t, r.values(tc.names.ClientID), 1, "the id is the same, and was written again")
			}
			for _, wrong := range []token.Client{{}, {ID: "fake:id", Secret: token.NewSecret("fake")}, {ID: "fake id"}, {ID: "fake-id", Secret: token.NewSecret("fake\n")}} {
				require.ErrorIs(t, r.vault.PutCredentials(t.Context(), tc.names, wrong), vault.ErrMalformed)
			}
		})
	}
	r := openUnproven(t)
	quoted := token.Client{ID: "fake-id", Secret: token.NewSecret(`"fake"`)}
	require.ErrorIs(t, r.vault.PutCredentials(t.Context(), inTheClear, quoted), vault.ErrMalformed, "it could not be read back")
	require.NoError(t, r.vault.PutCredentials(t.Context(), names, quoted))
	got, err := r.vault.Credentials(t.Context(), names)
	require.NoError(t, err)
	require.Equal(t, quoted, got)
}
