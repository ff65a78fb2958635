package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os/exec"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/vault"
)

// az asks the vault's API for something that only operators do, such as "POST
// /deletedsecrets/NAME/recover", as az keyvault does.
func (s *system) az(method, path string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.Vault.URL()+path+"?api-version=7.6", nil)
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "Bearer emulator")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Vault.CertificatePEM())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	require.Less(s.t, answer.StatusCode, 300, "%s %s", method, path)
}

// keyring is an operator's own, beside those of the workers.
func (s *system) keyring() *seal.Keyring {
	s.t.Helper()
	return seal.New(vault.NewKeysets(s.secrets()))
}

// secrets is the vault as programs see it.
func (s *system) secrets() vault.Secrets {
	s.t.Helper()
	secrets, err := s.Secrets()
	require.NoError(s.t, err)
	return secrets
}

// temporalCLI runs the Temporal CLI against the system's server until it succeeds:
// the server learns of a worker's version some time after the worker has started.
func (s *system) temporalCLI(args ...string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("temporal %v succeeds", args), func() bool {
		cmd := exec.CommandContext(s.t.Context(), s.Temporal.CLI(), append(args, "--address", s.Temporal.Address())...)
		return cmd.Run() == nil
	})
}

// consentAgain has the account's user consent once more, which ends the grant
// before, and gives the refresh token instead of storing it.
func (a account) consentAgain() (refreshToken string) {
	refreshToken, _ = a.Provider.CreateGrant(testenv.UserOf(a.name))
	return refreshToken
}
