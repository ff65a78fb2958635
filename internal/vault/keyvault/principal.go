package keyvault

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tokenkeeper/internal/token"
)

// Principal is a service principal of Entra apart from its client id: what a machine
// without a managed identity authenticates as. It has a secret or a certificate.
type Principal struct {
	TenantID string
	Secret   token.Secret
	// CertificateFile holds a certificate and its RSA key, as PEM or PKCS #12.
	CertificateFile     string
	CertificatePassword token.Secret // of a PKCS #12 file; empty for none
}

// newPrincipal returns azidentity's credential for the one of secret and certificate that
// is there, rather than its chain, whose errors name none of the two.
func newPrincipal(o Options, bounds azcore.ClientOptions) (azcore.TokenCredential, error) {
	p := o.Principal
	if p.CertificateFile == "" {
		options := &azidentity.ClientSecretCredentialOptions{ClientOptions: bounds}
		return azidentity.NewClientSecretCredential(p.TenantID, o.ClientID, p.Secret.Reveal(), options)
	}
	c := &certificateCredential{principal: p, clientID: o.ClientID, bounds: bounds}
	return c, c.read()
}

// certificateCredential follows its file: a certificate that is renewed there counts from
// the next token on, which is within the hour, without a restart. While the file cannot be
// used, the certificate that was read before it goes on.
type certificateCredential struct {
	principal Principal
	clientID  string
	bounds    azcore.ClientOptions

	mu      sync.Mutex
	content [sha256.Size]byte // of the file that current was made from
	current azcore.TokenCredential
}

// GetToken implements azcore.TokenCredential.
func (c *certificateCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	_ = c.read() // Options.CertificateEnds is for telling
	c.mu.Lock()
	current := c.current
	c.mu.Unlock()
	return current.GetToken(ctx, o)
}

func (c *certificateCredential) read() error {
	certificate, err := c.principal.readCertificate()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && c.content == certificate.content {
		return nil
	}
	options := &azidentity.ClientCertificateCredentialOptions{ClientOptions: c.bounds}
	current, err := azidentity.NewClientCertificateCredential(c.principal.TenantID, c.clientID, certificate.chain, certificate.key, options)
	if err == nil {
		c.current, c.content = current, certificate.content
	}
	return err
}

// certificate is a file's content.
type certificate struct {
	chain   []*x509.Certificate
	key     *rsa.PrivateKey
	ends    time.Time // of the key's own certificate
	content [sha256.Size]byte
}

// CertificateEnds reads the file of a service principal's certificate anew and returns
// when that ends; zero where the options name none. The error says what is wrong with the
// file and the fix, as a predicate of the file's name, and holds nothing of its content.
func (o Options) CertificateEnds() (time.Time, error) {
	if o.Credential != CredentialEnvironment || o.Principal.CertificateFile == "" {
		return time.Time{}, nil
	}
	c, err := o.Principal.readCertificate()
	return c.ends, err
}

// Why a certificate's file cannot be used. They hold no text of azidentity, whose errors
// quote the file's bytes.
var (
	errNoCertificate = errors.New("holds no certificate; put the certificate and its private key into it, as PEM or PKCS #12")
	errNoKey         = errors.New("holds no private key; append it to the certificate, as -----BEGIN PRIVATE KEY-----")
	errEncryptedKey  = errors.New("has an encrypted private key, which Azure's library cannot open; decrypt it with: openssl pkey -in FILE")
	errNotOpened     = errors.New("cannot be opened as PEM or PKCS #12; check AZURE_CLIENT_CERTIFICATE_PASSWORD, or write it as PEM with: openssl pkcs12 -in FILE -nodes")
	errNotRSA        = errors.New("has a key that is not RSA, the only kind that Azure's library signs with; make a new certificate with an RSA key")
	errOtherKey      = errors.New("has a private key that belongs to none of its certificates; put the two together that were made together")
)

func (p Principal) readCertificate() (certificate, error) {
	content, err := os.ReadFile(p.CertificateFile)
	if err != nil {
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			err = path.Err // the path may be a key that was pasted
		}
		return certificate{}, fmt.Errorf("cannot be read: %w; correct the path or the file's permissions", err)
	}
	c, err := parseCertificate(content, p.CertificatePassword)
	if err != nil {
		return certificate{}, err
	}
	switch now := time.Now(); {
	case now.After(c.ends):
		return certificate{}, fmt.Errorf("has a certificate that ended on %s; make a new one and register it on the application", c.ends.UTC().Format(time.DateOnly))
	case now.Before(c.chain[0].NotBefore):
		return certificate{}, fmt.Errorf("has a certificate that begins on %s; check this machine's clock", c.chain[0].NotBefore.UTC().Format(time.DateTime))
	}
	return c, nil
}

func parseCertificate(content []byte, password token.Secret) (certificate, error) {
	chain, key, err := azidentity.ParseCertificates(content, []byte(password.Reveal()))
	if err != nil {
		return certificate{}, explainCertificate(content, password)
	}
	own, ok := key.(*rsa.PrivateKey)
	if !ok {
		return certificate{}, errNotRSA
	}
	for i, c := range chain {
		if own.PublicKey.Equal(c.PublicKey) {
			chain[0], chain[i] = chain[i], chain[0]
			return certificate{chain, own, c.NotAfter, sha256.Sum256(content)}, nil
		}
	}
	return certificate{}, errOtherKey
}

// explainCertificate says why azidentity cannot read a file.
func explainCertificate(content []byte, password token.Secret) error {
	types := map[string]bool{}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		types[block.Type] = true
		types["ENCRYPTED PRIVATE KEY"] = types["ENCRYPTED PRIVATE KEY"] || block.Headers["DEK-Info"] != ""
	}
	switch {
	case len(types) == 0 && len(content) > 0:
		return errNotOpened
	case types["ENCRYPTED PRIVATE KEY"]:
		return errEncryptedKey
	case !types["CERTIFICATE"]:
		return errNoCertificate
	case types["EC PRIVATE KEY"]:
		return errNotRSA
	case !types["PRIVATE KEY"] && !types["RSA PRIVATE KEY"]:
		return errNoKey
	case !password.Empty():
		return errors.New("is PEM, which has no password; remove AZURE_CLIENT_CERTIFICATE_PASSWORD")
	}
	return errNotOpened
}
