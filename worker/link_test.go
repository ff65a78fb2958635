package main_test

import (
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// link is the network between a worker and a server.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// linkTo puts a link before a server's address. Nobody answers before it is up.
func linkTo(t *testing.T, server string) *link {
	t.Helper()
	quiet := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{t, toxiproxy.NewProxy(quiet, t.Name(), "127.0.0.1:0", server)}
	l.up() // which gives it a port
	l.down()
	t.Cleanup(l.down)
	return l
}

func (l *link) address() string { return l.proxy.Listen }

func (l *link) up() {
	l.t.Helper()
	require.NoError(l.t, l.proxy.Start())
}

func (l *link) down() { l.proxy.Stop() }
