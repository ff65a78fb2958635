package keyvault

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// identity is the self-signed certificate and its key, both as PEM.
type identity struct {
	certificatePEM []byte
	keyPEM         []byte
}

// newIdentity makes a certificate for this machine's loopback names and the
// given ones. It is its own authority, so that clients can trust it alone.
func newIdentity(dnsNames []string) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, fmt.Errorf("simulated vault: make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return identity{}, fmt.Errorf("simulated vault: make a serial number: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "simulated key vault"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
		DNSNames:              append([]string{"localhost"}, dnsNames...),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return identity{}, fmt.Errorf("simulated vault: make a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return identity{}, fmt.Errorf("simulated vault: encode the key: %w", err)
	}
	return identity{
		certificatePEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

func (i identity) tls() (tls.Certificate, error) {
	c, err := tls.X509KeyPair(i.certificatePEM, i.keyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("simulated vault: load the certificate: %w", err)
	}
	return c, nil
}

// ErrNoAnswer: no vault answers at the URL, perhaps not yet.
var ErrNoAnswer = errors.New("it does not answer")

// PresentedCertificate returns the certificate that the vault at an https URL
// presents, as PEM, or ErrNoAnswer. Emulators bring their own certificate, which no
// authority has signed; taking it on sight is sound on loopback, where no third
// party can intercept the connection, and refused elsewhere.
func PresentedCertificate(ctx context.Context, vaultURL string) ([]byte, error) {
	u, err := url.Parse(vaultURL)
	if err != nil || u.Scheme != "https" || u.Port() == "" {
		return nil, errors.New("the vault's URL must look like https://localhost:8443")
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not on this machine; its certificate cannot be trusted on sight", u.Hostname())
	}
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("the vault at %s: %w: %w", u.Host, ErrNoAnswer, err)
	}
	defer func() { _ = conn.Close() }()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[0].Raw}), nil
}
