package tokenkeeper_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/internal/testenv/temporal"
)

const tryByHand = "docs/try-by-hand.md"

// shBlock finds the commands of a page.
var shBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// The page's commands run as written but for the first block, which chooses the
// folder and the ports, and the last line, which removes the folder.
func TestThePageToTryByHandRunsAsWritten(t *testing.T) {
	cli := temporal.ForTest(t)
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("this test needs curl, which the page uses")
	}
	page, err := os.ReadFile(tryByHand)
	require.NoError(t, err)
	var commands []string
	for _, block := range shBlock.FindAllStringSubmatch(string(page), -1) {
		commands = append(commands, block[1])
	}
	require.Contains(t, commands[0], "make temporal\n")
	last := len(commands) - 1
	require.Contains(t, commands[last], `rm -r "$DIR"`)
	commands[last] = strings.Replace(commands[last], `rm -r "$DIR"`, "", 1)

	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.Symlink(cli, filepath.Join(bin, "temporal")))
	ports, err := process.FreePorts(5)
	require.NoError(t, err)
	environment := append(withoutOwnVariables(os.Environ()),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "DIR="+dir, "TEMPORAL_CONFIG_FILE="+os.DevNull, fmt.Sprint("WEB_UI=", ports[0]))
	for i, name := range []string{"VAULT", "PROVIDER", "WORKER", "TEMPORAL_ADDRESS"} {
		require.Contains(t, commands[0], name+"=127.0.0.1:")
		environment = append(environment, fmt.Sprintf("%s=127.0.0.1:%d", name, ports[i+1]))
	}

	shell, err := process.Run("the page", "sh", []string{"-euc", strings.Join(commands[1:], "\n")}, environment, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = syscall.Kill(-shell.PID(), syscall.SIGKILL) // its group: what the page has started and, where it failed, not ended
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "worker.log"))
			t.Logf("what the page printed:\n%s\nthe worker's log:\n%s", shell.Output(), log)
		}
	})
	select {
	case <-shell.Ended():
	case <-time.After(5 * time.Minute):
		t.Fatal("the page does not end")
	}
	require.Zero(t, shell.ExitCode())
	require.Len(t, regexp.MustCompile(`"outcome":"(refreshed|recovered)"`).FindAllString(shell.Output(), -1), 3, "one refresh, one with a failing vault, one with a new vault")
	require.Contains(t, shell.Output(), `"generation":"1"`, "a tag of the access token")
	require.Equal(t, []string{"", "0", "1", "2", "3"}, generations(t, filepath.Join(dir, "vault.json"), "RefreshToken"),
		"the consent's version, and the worker's first intent record, which proves that the vault takes versions, come before the three refreshes")
}

// withoutOwnVariables is the environment of a shell in which Token Keeper and
// Temporal are not configured.
func withoutOwnVariables(environment []string) (kept []string) {
	for _, v := range environment {
		if !strings.HasPrefix(v, "TEMPORAL_") && !strings.HasPrefix(v, "TOKENKEEPER_") && !strings.HasPrefix(v, "PATH=") {
			kept = append(kept, v)
		}
	}
	return kept
}

// generations are those of a secret's versions in the vault's data file, oldest
// first.
func generations(t *testing.T, file, name string) (found []string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var data struct {
		Secrets []struct {
			Name     string
			Versions []struct{ Tags map[string]string }
		}
	}
	require.NoError(t, json.Unmarshal(content, &data))
	for _, secret := range data.Secrets {
		if secret.Name == name {
			for _, version := range secret.Versions {
				found = append(found, version.Tags["generation"])
			}
		}
	}
	return found
}
