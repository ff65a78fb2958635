package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// NewCertificate makes a self-signed certificate of an application that ends at a time,
// and returns it with the text of a file that has it and its key as PEM.
func NewCertificate(ends time.Time) (*x509.Certificate, []byte, error) {
	return makeCertificate(&x509.Certificate{Subject: pkix.Name{CommonName: "token keeper"}, NotAfter: ends, KeyUsage: x509.KeyUsageDigitalSignature})
}

// newIdentity is a server's certificate, which is its own authority.
func newIdentity(host string) (tls.Certificate, []byte, error) {
	certificate, text, err := makeCertificate(&x509.Certificate{
		Subject: pkix.Name{CommonName: "simulated Entra"}, NotAfter: time.Now().AddDate(1, 0, 0), DNSNames: []string{host},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	})
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	return pair, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), err
}

func makeCertificate(template *x509.Certificate) (*x509.Certificate, []byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, fmt.Errorf("simulated Entra: make a key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, fmt.Errorf("simulated Entra: make a serial number: %w", err)
	}
	template.NotBefore = template.NotAfter.AddDate(-2, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, fmt.Errorf("simulated Entra: make a certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("simulated Entra: encode the key: %w", err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})...)
	certificate, err := x509.ParseCertificate(der)
	return certificate, text, err
}
