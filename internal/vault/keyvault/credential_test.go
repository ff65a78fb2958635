package keyvault_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

func TestEveryKindOfCredentialCanBeMade(t *testing.T) {
	t.Setenv("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000000")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", filepath.Join(t.TempDir(), "token"))
	for _, kind := range []string{
		keyvault.CredentialManaged, keyvault.CredentialWorkload, keyvault.CredentialCLI,
		keyvault.CredentialDefault, keyvault.CredentialEmulator,
	} {
		credential, err := keyvault.NewCredential(keyvault.Options{Credential: kind, ClientID: "00000000-0000-0000-0000-000000000001"})
		require.NoError(t, err, kind)
		require.NotNil(t, credential, kind)
	}
}

func TestAnUnknownKindOfCredentialIsNamedWithTheKnownOnes(t *testing.T) {
	_, err := keyvault.NewCredential(keyvault.Options{Credential: "manged"})
	require.EqualError(t, err, `credential "manged" is not one of managed, workload, environment, cli, default, emulator`)
}

func TestAMissingSettingFailsAtOnceWithItsFix(t *testing.T) {
	for _, name := range []string{"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"} {
		unset(t, name)
	}
	_, err := keyvault.NewCredential(keyvault.Options{Credential: keyvault.CredentialWorkload})
	require.ErrorContains(t, err, `credential "workload": `)
	require.ErrorContains(t, err, "check the pod's AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE")
}

func TestAMissingCLILoginIsNamedWithItsFix(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "az"), []byte(script), 0o755))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	credential, err := keyvault.NewCredential(keyvault.Options{Credential: keyvault.CredentialCLI})
	require.NoError(t, err)
	_, err = with(t, credential).Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrCredential)
	require.EqualError(t, err, "vault: get will-RefreshToken: credential refused (az gives no token); run az login (AzureCLICredential)")
}

// refusing is a credential that always fails with the same error.
type refusing struct{ err error }

func (r refusing) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, r.err
}

func TestARefusedTokenIsToldFromAPassingTrouble(t *testing.T) {
	t.Parallel()
	entra := func(status int, body string) error {
		return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
			StatusCode: status, Body: io.NopCloser(strings.NewReader(body)),
		}}
	}
	for _, c := range []struct {
		name string
		err  error
		kind error
		says string
	}{
		{
			"secret expired", entra(401, `{"error":"invalid_client","error_description":"AADSTS7000222: fake-refresh-token-1","error_codes":[7000222]}`),
			vault.ErrCredential, "401 Unauthorized, invalid_client, AADSTS7000222 to the request for a token",
		},
		{"no JSON", entra(400, "fake-refresh-token-1"), vault.ErrUnavailable, "400 Bad Request to the request for a token"},
		{"Entra down", entra(503, ""), vault.ErrUnavailable, "503 Service Unavailable to the request for a token"},
		{"no answer", &azidentity.AuthenticationFailedError{}, vault.ErrUnavailable, "no answer to the request for a token"},
		{"too slow", context.DeadlineExceeded, vault.ErrUnavailable, "no answer to the request for a token"},
		{"a chain whose managed identity is not ready", azidentity.NewCredentialUnavailableError("failed to authenticate a system assigned identity. The endpoint responded with {\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}"), vault.ErrUnavailable, "this machine has no managed identity yet"},
		{"a chain whose managed identity is silent", azidentity.NewCredentialUnavailableError("DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tManagedIdentityCredential: managed identity timed out. See https://aka.ms/azsdk/go/identity/troubleshoot#dac for more information"), vault.ErrUnavailable, "this machine has no managed identity yet"},
		{"none at all", azidentity.NewCredentialUnavailableError("fake-refresh-token-1"), vault.ErrCredential, "nothing to get a token with"},
		{"anything else", errors.New("fake-refresh-token-1"), vault.ErrCredential, "nothing to get a token with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := with(t, refusing{c.err}).Get(t.Context(), name, "")
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "check TOKENKEEPER_AZURE_CREDENTIAL")
			require.NotContains(t, err.Error(), "fake-refresh-token")
		})
	}
}

// with is a client of a vault that is in order.
func with(t *testing.T, credential azcore.TokenCredential) *keyvault.Client {
	t.Helper()
	server, _ := start(t, sim.Options{})
	c, err := keyvault.NewWithCredential(keyvault.Options{
		URL: server.URL(), RootCAs: trust(t, server), Credential: keyvault.CredentialEmulator,
	}, credential)
	require.NoError(t, err)
	return c
}

// unset removes a variable for this test and puts it back afterwards.
func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "")
	require.NoError(t, os.Unsetenv(name))
}
