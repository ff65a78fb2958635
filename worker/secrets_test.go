package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func TestASecretThatIsNotAsItShouldBeFailsTheRunUntilItIsMended(t *testing.T) {
	s := newSystem(t)
	account := s.consent()
	refreshToken := testenv.SecretName(account, "RefreshToken")
	const credentials = "FitbitCredentials"
	client := s.Provider.Client()
	goodClient := base64.StdEncoding.EncodeToString([]byte(client.ID + ":" + client.Secret.Reveal()))
	s.work()

	mended := put(credentials, goodClient)

	for _, tc := range []struct {
		name        string
		spoil, mend func(*system)
		kind        string
		says        []string
	}{
		{"refresh token is soft-deleted", remove(refreshToken), recovered(refreshToken), activities.MissingSecret,
			[]string{"vault: get " + refreshToken + ": soft-deleted", "; bring it back with: az keyvault secret recover --vault-name VAULT --name " + refreshToken}},
		{"refresh token is disabled", enable(refreshToken, false), enable(refreshToken, true), activities.MissingSecret,
			[]string{"vault: get " + refreshToken + ": disabled", "; enable it with az keyvault secret set-attributes --vault-name VAULT --name NAME --enabled true"}},
		{"credentials are soft-deleted", remove(credentials), recovered(credentials), activities.MissingSecret,
			[]string{"vault: get FitbitCredentials: soft-deleted", "; bring it back with: az keyvault secret recover --vault-name VAULT --name FitbitCredentials"}},
		{"credentials are in the clear", put(credentials, client.ID+":"+client.Secret.Reveal()), mended, activities.MalformedSecret,
			[]string{"FitbitCredentials: malformed (it looks like client_id:client_secret in the clear, not in base64)", "; store the base64 of client_id:client_secret in it"}},
		{"credentials are no base64", put(credentials, "fake-client-secret!"), mended, activities.MalformedSecret,
			[]string{"FitbitCredentials: malformed (it is not base64)", "; store the base64 of client_id:client_secret in it"}},
		{"credentials have no colon", put(credentials, base64.StdEncoding.EncodeToString([]byte("fake-client-secret"))), mended, activities.MalformedSecret,
			[]string{"FitbitCredentials: malformed (its base64 holds no colon between client id and client secret)", "; store the base64"}},
		{"credentials are empty", put(credentials, ""), mended, activities.MalformedSecret,
			[]string{"FitbitCredentials: malformed (it is empty)", "; store the base64"}},
		{"refresh token is empty", put(refreshToken, ""), putBack(refreshToken), activities.MalformedSecret,
			[]string{refreshToken + ": malformed", "; store the refresh token from the provider's consent in it"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := s.in(t)
			held := s.Held(account)
			tc.spoil(s)
			s.failsUntouched(func() (workflows.Result, error) { return s.refresh(account) }, tc.kind, tc.says...)
			tc.mend(s)
			require.Equal(t, held, s.Held(account))
			s.refreshes(account)
		})
	}
}

func TestCredentialsThatAreNotStoredAreNamedWithTheCommandThatStoresThem(t *testing.T) {
	s := newSystem(t)
	account := s.consent()
	credentials := s.Vault.Versions("FitbitCredentials")[0].Value
	s.purge("FitbitCredentials")
	s.work()
	s.failsUntouched(func() (workflows.Result, error) { return s.refresh(account) }, activities.MissingSecret,
		"vault: get FitbitCredentials: not found", "; store the base64 of client_id:client_secret in it: az keyvault secret set --vault-name VAULT --name FitbitCredentials")
	_, err := s.Vault.Put("FitbitCredentials", credentials)
	require.NoError(t, err)
	s.refreshes(account)
}

// An operator's changes to a secret.

func put(name, value string) func(*system) {
	return func(s *system) {
		_, err := s.Vault.Put(name, value)
		require.NoError(s.t, err)
	}
}

// putBack makes the version before the newest one the newest again.
func putBack(name string) func(*system) {
	return func(s *system) {
		versions := s.Vault.Versions(name)
		put(name, versions[len(versions)-2].Value)(s)
	}
}

func remove(name string) func(*system) {
	return func(s *system) { require.NoError(s.t, s.Vault.Delete(name)) }
}

func recovered(name string) func(*system) { return func(s *system) { s.recover(name) } }

func enable(name string, yes bool) func(*system) {
	return func(s *system) {
		versions := s.Vault.Versions(name)
		require.NoError(s.t, s.Vault.SetEnabled(name, versions[len(versions)-1].ID, yes))
	}
}

// recover brings a soft-deleted secret back, as az keyvault secret recover does,
// and waits until it can be written.
func (s *system) recover(secret string) {
	s.t.Helper()
	s.az(http.MethodPost, "/deletedsecrets/"+secret+"/recover")
	newest := s.Vault.Versions(secret)
	eventually(s.t, "the secret is back", func() bool {
		return s.Vault.SetEnabled(secret, newest[len(newest)-1].ID, true) == nil
	})
}

// purge deletes a secret for good.
func (s *system) purge(secret string) {
	s.t.Helper()
	require.NoError(s.t, s.Vault.Delete(secret))
	s.az(http.MethodDelete, "/deletedsecrets/"+secret)
}

// az sends a request that only operators make to the vault's API.
func (s *system) az(method, path string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.Vault.URL()+path+"?api-version=7.6", nil)
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "Bearer emulator")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Vault.CertificatePEM())
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer trusting.CloseIdleConnections()
	answer, err := trusting.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	require.Less(s.t, answer.StatusCode, 300, "%s %s", method, path)
}
