package keyvault

import (
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process of its own, because net/http reads the proxy's variables once.
func TestNoProxySeesTheRequestForAManagedIdentitysToken(t *testing.T) {
	const variable = "TOKENKEEPER_TEST_PROXY"
	if os.Getenv(variable) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoProxySeesTheRequestForAManagedIdentitysToken$")
		cmd.Env = append(os.Environ(), variable+"=1", "HTTP_PROXY=http://proxy.example:3128", "NO_PROXY=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	for address, direct := range map[string]bool{
		"http://169.254.169.254/metadata/identity/oauth2/token": true, // machines
		"http://169.254.130.1:8081/msi/token":                   true, // services
		"http://[fe80::1]/":                                     true,
		"http://127.0.0.1:41564/msi/token":                      true,
		"http://10.0.0.1/":                                      false,
		"http://vault.example/":                                 false,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		by, err := proxy(request)
		require.NoError(t, err)
		require.Equal(t, direct, by == nil, address)
	}
}
