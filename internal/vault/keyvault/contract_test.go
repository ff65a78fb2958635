package keyvault_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv/lowkey"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/vault/keyvault"
)

// contract is what the client and the vault room ask of any vault. It is held
// against our stand-in always, and against Lowkey Vault, which nobody here wrote,
// by "make test-lowkey-vault".
var contract = map[string]func(*testing.T, subject){
	"what is set is read":                                      whatIsSetIsRead,
	"the last set is current and older versions stay":          theLastSetIsCurrent,
	"setting tags replaces tags and nothing else":              setTagsReplacesTagsOnly,
	"all pages of versions are listed":                         allPagesAreListed,
	"a name that was never written is absent":                  aNeverWrittenNameIsAbsent,
	"a disabled version is listed and not read":                aDisabledVersionIsListed,
	"a deleted name is hidden, kept and recovered":             aDeletedNameIsRecovered,
	"a deleted name that is disabled is deleted":               aDisabledNameIsDeleted,
	"the room loads, begins, stores and loads again":           theRoomRefreshes,
	"the room lets nothing late overwrite a newer generation":  theRoomKeepsTheNewest,
	"the room brings a newer generation back to the top":       theRoomAdvances,
	"the room stores into a deleted name":                      theRoomStoresIntoADeletedName,
	"the room reads client credentials":                        theRoomReadsCredentials,
	"the room keeps the keyset, and what it sealed stays open": theRoomKeepsTheKeyset,
}

// departures are where a vault is known not to do as Azure Key Vault does. What
// Key Vault does is known from the sessions that the tests of azure-sdk-for-net
// (SessionRecords) and azure-sdk-for-js (recordings) recorded with the service.
//
//	                                  Key Vault, our stand-in         Lowkey Vault 7
//	GET of a disabled version         403, inner SecretDisabled       404
//	GET of a deleted, disabled name   403, inner SecretDisabled       404
//	PUT to a deleted name             409, inner ObjectIsDeletedBut-  409 without an inner code
//	                                  Recoverable
//	versions of an unknown name       200 and an empty list           404 (the client evens it out)
//	versions of a deleted name        200 and an empty list           404 (the client evens it out)
//	delete and recover                take effect after seconds       take effect at once
//	PATCH with a contentType          changes it                      accepts and ignores it
//	names                             any case is the same name       case counts
//	challenge                         names Entra and the vault's     names the vault itself
//	                                  domain
type departures struct {
	hidesDisabled bool // answers "not found" where Key Vault says "disabled"
	mutesDeleted  bool // does not say why a deleted name takes no value
}

// subject is a vault that the contract is held against.
type subject struct {
	*keyvault.Client
	portal *azsecrets.Client // what a person does with the portal, past our client
	departures
}

func TestTheStandInHoldsTheContract(t *testing.T) {
	t.Parallel()
	server, err := sim.Start(sim.Options{})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	hold(t, newSubject(t, server.URL(), server.CertificatePEM(), "", departures{}))
}

func TestLowkeyVaultHoldsTheContract(t *testing.T) {
	server := lowkey.ForTest(t)
	hold(t, newSubject(t, server.URL, server.CertificatePEM, lowkey.APIVersion, departures{
		hidesDisabled: true, mutesDeleted: true,
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

func newSubject(t *testing.T, url string, certificatePEM []byte, apiVersion string, d departures) subject {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certificatePEM))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	credential, err := keyvault.NewCredential(keyvault.CredentialEmulator, "")
	require.NoError(t, err)
	portal, err := azsecrets.NewClient(url, credential, &azsecrets.ClientOptions{
		ClientOptions:                        azcore.ClientOptions{APIVersion: apiVersion, Transport: &http.Client{Transport: transport}},
		DisableChallengeResourceVerification: true,
	})
	require.NoError(t, err)
	return subject{
		Client:     emulator(t, url, keyvault.Options{RootCAs: roots, APIVersion: apiVersion}),
		portal:     portal,
		departures: d,
	}
}

func (s subject) delete(t *testing.T, name string) {
	t.Helper()
	_, err := s.portal.DeleteSecret(t.Context(), name, nil)
	require.NoError(t, err)
}

func (s subject) disable(t *testing.T, name, version string) {
	t.Helper()
	_, err := s.portal.UpdateSecretProperties(t.Context(), name, version, azsecrets.UpdateSecretPropertiesParameters{
		SecretAttributes: &azsecrets.SecretAttributes{Enabled: to.Ptr(false)},
	}, nil)
	require.NoError(t, err)
}

// unused is an account name that no other test takes, in a vault that may have
// been there before.
func unused() string { return "c" + strings.ToLower(rand.Text()) }
