package keyvault_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/testenv/lowkey"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// contract is what package vault needs of an implementation of vault.Secrets. It is
// run against the client in front of the simulated Key Vault and against memvault
// always, and against Lowkey Vault, an emulator by another project, by
// "make test-lowkey-vault".
var contract = map[string]func(*testing.T, subject){
	"what is set is read":                                     whatIsSetIsRead,
	"the last set is current and older versions stay":         theLastSetIsCurrent,
	"setting tags replaces tags and nothing else":             setTagsReplacesTagsOnly,
	"all pages of versions are listed":                        allPagesAreListed,
	"a name that was never written is absent":                 aNeverWrittenNameIsAbsent,
	"a disabled version is listed and not read":               aDisabledVersionIsListed,
	"a deleted name is hidden, kept and recovered":            aDeletedNameIsRecovered,
	"a deleted name that is disabled is deleted":              aDisabledNameIsDeleted,
	"a vault loads, records its intent, stores and loads":     vaultRefreshes,
	"a vault lets nothing late overwrite a newer generation":  vaultKeepsTheNewest,
	"a vault brings a newer generation back to the top":       vaultPromotes,
	"a vault stores into a deleted name":                      vaultStoresIntoADeletedName,
	"a vault reads client credentials":                        vaultReadsCredentials,
	"a vault keeps the keyset, and what it sealed stays open": vaultKeepsTheKeyset,
}

// departures are where an implementation is known to differ from Azure Key Vault.
// Key Vault's behaviour is known from the sessions that the tests of
// azure-sdk-for-net (SessionRecords) and azure-sdk-for-js (recordings) recorded.
//
//	                                  Key Vault, its simulator        Lowkey Vault 7
//	GET of a disabled version         403, inner SecretDisabled       404
//	GET of a deleted, disabled name   403, inner SecretDisabled       404
//	PUT to a deleted name             409, inner ObjectIsDeletedBut-  409 without an inner code
//	                                  Recoverable                     (the client asks)
//	versions of an unknown name       200 and an empty list           404 (hidden by the client)
//	versions of a deleted name        200 and an empty list           404 (hidden by the client)
//	delete and recover                take effect after seconds       take effect at once
//	PATCH with a contentType          changes it                      accepts and ignores it
//	names                             any case is the same name       case counts
//	challenge                         names Entra and the vault's     names the vault itself
//	                                  domain
type departures struct {
	hidesDisabled bool // answers "not found" where Key Vault answers "disabled"
}

// subject is an implementation under the contract.
type subject struct {
	vault.Secrets
	owner
	departures
}

// owner does what the vault's owner does with other tools, such as the portal.
type owner interface {
	DeleteName(ctx context.Context, name string) error
}

func TestTheSimulatedKeyVaultHoldsTheContract(t *testing.T) {
	t.Parallel()
	server, err := sim.Start(sim.Options{})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	hold(t, overHTTPS(t, server.URL(), server.CertificatePEM(), "", departures{}))
}

func TestMemvaultHoldsTheContract(t *testing.T) {
	t.Parallel()
	secrets := &memvault.Vault{}
	hold(t, subject{Secrets: secrets, owner: memoryOwner{secrets}})
}

func TestLowkeyVaultHoldsTheContract(t *testing.T) {
	server := lowkey.ForTest(t)
	hold(t, overHTTPS(t, server.URL, server.CertificatePEM, lowkey.APIVersion, departures{
		hidesDisabled: true,
	}))
}

func hold(t *testing.T, s subject) {
	for name, holds := range contract {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			holds(t, s)
		})
	}
}

// overHTTPS is the client in front of a vault, and azsecrets as its owner's tool.
func overHTTPS(t *testing.T, url string, certificatePEM []byte, apiVersion string, d departures) subject {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certificatePEM))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	credential, err := keyvault.NewCredential(keyvault.Options{Credential: keyvault.CredentialEmulator})
	require.NoError(t, err)
	portal, err := azsecrets.NewClient(url, credential, &azsecrets.ClientOptions{
		ClientOptions:                        azcore.ClientOptions{APIVersion: apiVersion, Transport: &http.Client{Transport: transport}},
		DisableChallengeResourceVerification: true,
	})
	require.NoError(t, err)
	return subject{
		Secrets:    emulator(t, url, keyvault.Options{RootCAs: roots, APIVersion: apiVersion}),
		owner:      portalOwner{portal},
		departures: d,
	}
}

type portalOwner struct{ portal *azsecrets.Client }

func (o portalOwner) DeleteName(ctx context.Context, name string) error {
	_, err := o.portal.DeleteSecret(ctx, name, nil)
	return err
}

type memoryOwner struct{ secrets *memvault.Vault }

func (o memoryOwner) DeleteName(_ context.Context, name string) error {
	o.secrets.Delete(name)
	return nil
}

// unused returns an account name that no other test uses, also in a vault that
// outlives the test.
func unused() string { return "c" + strings.ToLower(rand.Text()) }
