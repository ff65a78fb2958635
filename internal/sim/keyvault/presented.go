package keyvault

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
)

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
