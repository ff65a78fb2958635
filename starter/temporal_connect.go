package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
)

// connectTimeout bounds one attempt of connect.
const connectTimeout = 3 * time.Second

// firstWords is how long it waits for what a server says by itself.
const firstWords = time.Second

// connect opens a connection as gRPC does, and returns why that fails; nil where it does not
// fail, or goes through a proxy. gRPC's own error is that of the last thing it tried: where
// a server refuses the client's certificate, that may be a write on the closed connection.
func connect(ctx context.Context, options client.Options) error {
	address := strings.TrimPrefix(options.HostPort, "dns:///")
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: address}}); err != nil || proxy != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var plain net.Dialer
	connection, err := plain.DialContext(ctx, "tcp", address)
	if err != nil || options.ConnectionOptions.TLS == nil {
		if err == nil {
			_ = connection.Close()
		}
		return err
	}
	defer func() { _ = connection.Close() }()
	config := options.ConnectionOptions.TLS.Clone()
	config.NextProtos = []string{"h2"}
	if config.ServerName == "" {
		config.ServerName = host
	}
	secure := tls.Client(connection, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	// With TLS 1.3 the server's opinion of the client's certificate comes as its first words,
	// and only where nothing was sent meanwhile. A server that waits for the client is content.
	_ = secure.SetReadDeadline(time.Now().Add(firstWords))
	if _, err = secure.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
