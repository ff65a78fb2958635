package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"

	"github.com/stretchr/testify/require"
)

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

// az asks the vault's API for something that only people do.
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
