package testenv

import (
	"crypto/x509"
	"fmt"
	"os"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// Secrets is a client of the vault, made as a worker makes its own.
func (s *System) Secrets() (vault.Secrets, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.Vault.CertificatePEM()) {
		return nil, fmt.Errorf("the vault at %s has no certificate to trust", s.Vault.URL())
	}
	return keyvault.New(keyvault.Options{URL: s.Vault.URL(), Credential: keyvault.CredentialEmulator, RootCAs: roots})
}

// Providers is the table that a worker reads from its providers file.
func (s *System) Providers() (provider.Table, error) {
	yaml, err := os.ReadFile(s.providersFile())
	if err != nil {
		return provider.Table{}, err
	}
	return provider.Builtin().Override(yaml, s.providersFile())
}
