package keyvault

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/entra"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

const (
	tenant      = "11111111-1111-1111-1111-111111111111"
	application = "22222222-2222-2222-2222-222222222222"
	secret      = "fake-azure-secret"
)

// directory runs an Entra, and returns it with what requests to it are sent by.
func directory(t *testing.T) (*entra.Server, azcore.ClientOptions) {
	t.Helper()
	server, err := entra.Start(entra.Application{TenantID: tenant, ClientID: application, Secret: secret})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(server.CertificatePEM()))
	to := newTransport("", roots)
	to.client.Transport.(*http.Transport).Proxy = nil
	to.client.Transport.(*http.Transport).TLSClientConfig.ServerName = entra.Host
	return server, azcore.ClientOptions{Transport: redirected{to, server.Address()}}
}

// redirected sends what is for Entra to a server of the test.
type redirected struct {
	transport
	address string
}

func (r redirected) Do(request *http.Request) (*http.Response, error) {
	if request.URL.Host != entra.Host {
		return nil, http.ErrNotSupported
	}
	request.URL.Host = r.address
	return r.transport.Do(request)
}

func principalOptions() Options {
	return Options{Credential: CredentialEnvironment, ClientID: application, Principal: Principal{TenantID: tenant, Secret: token.NewSecret(secret)}}
}

// ask asks for a token and returns what its refusal means.
func ask(t *testing.T, o Options, bounds azcore.ClientOptions) (azcore.AccessToken, classification) {
	t.Helper()
	credential, err := newPrincipal(o, bounds)
	require.NoError(t, err)
	return askAgain(t, credential)
}

func askAgain(t *testing.T, credential azcore.TokenCredential) (azcore.AccessToken, classification) {
	t.Helper()
	got, err := named{credential, CredentialEnvironment}.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}})
	if err == nil {
		return got, classification{}
	}
	return got, classify((&Client{host: "my-vault.vault.azure.net"}).diagnose(context.Background(), err))
}

func TestAServicePrincipalsSecretGetsAToken(t *testing.T) {
	t.Parallel()
	_, bounds := directory(t)
	got, refused := ask(t, principalOptions(), bounds)
	require.Empty(t, refused)
	require.Equal(t, "fake-azure-token-1", got.Token)
}

func TestEachRefusalOfAServicePrincipalNamesItsVariable(t *testing.T) {
	t.Parallel()
	unregistered := certificateFile(t, time.Now().AddDate(1, 0, 0))
	for name, c := range map[string]struct {
		change func(*entra.Application)
		with   func(*Options)
		kind   error
		says   string
		fix    string
	}{
		"a wrong secret":       {with: func(o *Options) { o.Principal.Secret = token.NewSecret("fake-other") }, kind: vault.ErrCredential, says: "401 Unauthorized, invalid_client, AADSTS7000215", fix: "AZURE_CLIENT_SECRET is not the value of a secret"},
		"an expired secret":    {change: func(a *entra.Application) { a.SecretExpired = true }, kind: vault.ErrCredential, says: "AADSTS7000222", fix: "AZURE_CLIENT_SECRET has expired; make one with: az ad app credential reset"},
		"an unknown client id": {with: func(o *Options) { o.ClientID = tenant }, kind: vault.ErrUnavailable, says: "AADSTS700016", fix: "if that lasts, AZURE_CLIENT_ID is no application of the tenant AZURE_TENANT_ID"},
		"an unknown tenant":    {with: func(o *Options) { o.Principal.TenantID = application }, kind: vault.ErrUnavailable, says: "AADSTS90002", fix: "AZURE_TENANT_ID is no tenant"},
		"a disabled app":       {change: func(a *entra.Application) { a.Disabled = true }, kind: vault.ErrUnavailable, says: "AADSTS7000112", fix: "AZURE_CLIENT_ID is disabled"},
		"another certificate": {with: func(o *Options) { o.Principal.CertificateFile, o.Principal.Secret = unregistered, token.Secret{} }, kind: vault.ErrUnavailable,
			says: "AADSTS700027", fix: "AZURE_CLIENT_CERTIFICATE_PATH has a certificate that is not registered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, bounds := directory(t)
			if c.change != nil {
				server.Change(c.change)
			}
			o := principalOptions()
			if c.with != nil {
				c.with(&o)
			}
			_, refused := ask(t, o, bounds)
			require.Equal(t, c.kind, refused.kind)
			require.Contains(t, refused.detail, c.says)
			require.Contains(t, refused.detail, "to the request for a token")
			require.Contains(t, refused.fix, c.fix)
		})
	}
}

func certificateFile(t *testing.T, ends time.Time) string {
	t.Helper()
	_, text, err := entra.NewCertificate(ends)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "certificate.pem")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// The file is replaced while the worker runs; in between it is half written.
func TestARenewedCertificateCountsWithoutARestart(t *testing.T) {
	t.Parallel()
	server, bounds := directory(t)
	renew := func() []byte {
		certificate, text, err := entra.NewCertificate(time.Now().AddDate(1, 0, 0))
		require.NoError(t, err)
		server.Change(func(a *entra.Application) { a.Certificates = []*x509.Certificate{certificate} })
		return text
	}
	o := principalOptions()
	o.Principal.Secret, o.Principal.CertificateFile = token.Secret{}, filepath.Join(t.TempDir(), "certificate.pem")
	first := renew()
	require.NoError(t, os.WriteFile(o.Principal.CertificateFile, first, 0o600))
	credential, err := newPrincipal(o, bounds)
	require.NoError(t, err)
	got, refused := askAgain(t, credential)
	require.Empty(t, refused)
	require.Equal(t, "fake-azure-token-1", got.Token)

	require.NoError(t, os.WriteFile(o.Principal.CertificateFile, first[:len(first)/2], 0o600))
	_, refused = askAgain(t, credential)
	require.Empty(t, refused, "what was read before goes on")
	_, err = o.CertificateEnds()
	require.ErrorContains(t, err, "holds no private key")

	require.NoError(t, os.WriteFile(o.Principal.CertificateFile, renew(), 0o600))
	got, refused = askAgain(t, credential)
	require.Empty(t, refused)
	require.Equal(t, "fake-azure-token-2", got.Token, "asked for with the new one")
	ends, err := o.CertificateEnds()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().AddDate(1, 0, 0), ends, time.Hour)
}

func TestACertificatesFileThatCannotBeUsedIsExplained(t *testing.T) {
	t.Parallel()
	_, whole, err := entra.NewCertificate(time.Now().AddDate(1, 0, 0))
	require.NoError(t, err)
	_, other, err := entra.NewCertificate(time.Now().AddDate(1, 0, 0))
	require.NoError(t, err)
	_, expired, err := entra.NewCertificate(time.Now().AddDate(0, 0, -1))
	require.NoError(t, err)
	_, early, err := entra.NewCertificate(time.Now().AddDate(3, 0, 0))
	require.NoError(t, err)
	certificate, key := split(whole)
	_, otherKey := split(other)
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ec, err := x509.MarshalPKCS8PrivateKey(elliptic)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(elliptic)
	require.NoError(t, err)
	block := func(kind string, content []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
	}
	for name, c := range map[string]struct {
		content  []byte
		password string
		says     string
	}{
		"only the certificate":   {certificate, "", "holds no private key"},
		"only the key":           {key, "", "holds no certificate"},
		"empty":                  {nil, "", "holds no certificate"},
		"another key":            {append(append([]byte{}, certificate...), otherKey...), "", "belongs to none of its certificates"},
		"an encrypted key":       {append(append([]byte{}, certificate...), block("ENCRYPTED PRIVATE KEY", []byte("fake"))...), "fake-password", "openssl pkey -in FILE"},
		"a key that is not RSA":  {append(append([]byte{}, certificate...), block("PRIVATE KEY", ec)...), "", "not RSA"},
		"a key that is not RSA2": {append(append([]byte{}, certificate...), block("EC PRIVATE KEY", sec1)...), "", "not RSA"},
		"something else":         {[]byte("fake-azure-secret"), "", "check AZURE_CLIENT_CERTIFICATE_PASSWORD"},
		"expired":                {expired, "", "has a certificate that ended on "},
		"not begun":              {early, "", "check this machine's clock"},
		"PEM with a password":    {whole, "fake-password", "remove AZURE_CLIENT_CERTIFICATE_PASSWORD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := principalOptions()
			o.Principal.CertificateFile = filepath.Join(t.TempDir(), "certificate.pem")
			o.Principal.CertificatePassword = token.NewSecret(c.password)
			require.NoError(t, os.WriteFile(o.Principal.CertificateFile, c.content, 0o600))
			_, err := o.CertificateEnds()
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "fake-")
			_, err = NewCredential(o)
			require.ErrorContains(t, err, `credential "environment": `)
			require.ErrorContains(t, err, c.says)
		})
	}
	o := principalOptions()
	o.Principal.CertificateFile = filepath.Join(t.TempDir(), "absent.pem")
	_, err = o.CertificateEnds()
	require.EqualError(t, err, "cannot be read: no such file or directory; correct the path or the file's permissions")
}

// split returns a file's certificate and its key.
func split(text []byte) (certificate, key []byte) {
	first, rest := pem.Decode(text)
	return pem.EncodeToMemory(first), rest
}
