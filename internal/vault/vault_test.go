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
