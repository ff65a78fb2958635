package main_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	testprocess "tokenkeeper/internal/testenv/process"
)

func TestProfilesAreServedWhereTheyAreAskedForAlone(t *testing.T) {
	s := newSystem(t)
	ports, err := testprocess.FreePorts(1)
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	w := s.work("TOKENKEEPER_PPROF=" + address)
	s.refreshes(s.consent())
	for page, has := range map[string]string{"": "heap", "goroutine?debug=2": "goroutine ", "heap?debug=1": "heap profile"} {
		answer, err := http.Get("http://" + address + "/debug/pprof/" + page)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.Contains(t, string(body), has)
		require.NotContains(t, string(body), secretPrefix)
	}
	require.Equal(t, http.StatusNotFound, w.status("/debug/pprof/"), "the port of health and metrics is open to others")
}

func TestProfilesAreForThisMachineOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":6060", "0.0.0.0:6060", "10.0.0.1:6060", "worker.example:6060", "localhost", "[::]:6060"} {
		code, printed := execute(t, []string{"KEY_VAULT_URL=https://my-vault.vault.azure.net", "TOKENKEEPER_PPROF=" + address})
		require.Equal(t, 2, code, printed)
		require.Contains(t, printed, "TOKENKEEPER_PPROF is ")
		require.Contains(t, printed, "such as localhost:6060")
		require.Len(t, strings.Split(strings.TrimSpace(printed), "\n"), 1, printed)
	}
}
