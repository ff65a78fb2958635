package provider_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

// A provider may close an idle connection while a refresh goes out on it.
func TestEachRequestHasAConnectionOfItsOwn(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, goodAnswer) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	p := lookup(t, "fitbit")
	p.TokenURL = server.URL + "/oauth2/token"
	client := provider.NewClient(nil)
	for n := range 3 {
		_, err := client.Refresh(t.Context(), p, fakeClient, fakeRefresh)
		require.NoError(t, err)
		require.EqualValues(t, n+1, opened.Load())
	}
}
