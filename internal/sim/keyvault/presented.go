package keyvault

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// retryEvery is how often a vault that is still starting is asked again.
const retryEvery = 500 * time.Millisecond

// PresentedCertificate waits until the vault at an https URL answers and returns
// the certificate that it presents, as PEM. Emulators bring their own, which
// nobody vouches for; taking it on sight is sound on loopback, where nobody can
// come between, and refused elsewhere.
func PresentedCertificate(ctx context.Context, vaultURL string) ([]byte, error) {
	u, err := url.Parse(vaultURL)
	if err != nil || u.Scheme != "https" || u.Port() == "" {
		return nil, errors.New("the vault's URL must look like https://localhost:8443")
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not on this machine; its certificate cannot be trusted on sight", u.Hostname())
	}
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	for {
		conn, err := dialer.DialContext(ctx, "tcp", u.Host)
		if err == nil {
			chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
			_ = conn.Close()
			return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[0].Raw}), nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the vault at %s does not answer: %w", u.Host, err)
		case <-time.After(retryEvery):
		}
	}
}
