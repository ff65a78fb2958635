package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// link is the network between a worker and a server, which a row can harm.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// Directions of a link, seen from the worker.
const (
	requests = "upstream"
	answers  = "downstream"
)

// linkTo puts a link before a server's address.
func (s *system) linkTo(address string) *link {
	s.t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{s.t, toxiproxy.NewProxy(server, unique("link"), "127.0.0.1:0", address)}
	require.NoError(s.t, l.proxy.Start())
	s.t.Cleanup(l.proxy.Stop)
	return l
}

// address is what a worker connects to instead of the server.
func (l *link) address() string { return l.proxy.Listen }

// swallow drops whatever goes in one direction from now on. Connections stay
// open, so that nobody is told.
func (l *link) swallow(direction string) {
	l.t.Helper()
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":"timeout","stream":%q,"attributes":{"timeout":0}}`, direction)))
	require.NoError(l.t, err)
}

// cut closes every connection and refuses new ones.
func (l *link) cut() { l.proxy.Stop() }

// mend lets everything through again. Connections from which something was
// dropped are closed.
func (l *link) mend() {
	l.t.Helper()
	l.proxy.Toxics.ResetToxics(l.t.Context())
	if !l.proxy.Enabled {
		require.NoError(l.t, l.proxy.Start())
	}
}
