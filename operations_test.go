package tokenkeeper_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/internal/testenv/temporal"
)

const operations = "docs/operations.md"

// inThePagesShell stands for what a machine with a checkout has: go run without a build, the
// account owner's browser on a port that is free, and Azure's command line.
const inThePagesShell = `
go() {
	shift 2
	if [ "$1" = authorize ]; then set -- "$@" --redirect-url "$REDIRECT"; fi
	starter "$@"
}
az() { curl -sS --fail-with-body --data-binary "$*" "$AZURE"; }
`

const accountOwner = `#!/bin/sh
exec curl -sSL -c /dev/null -d user=USER-WILL -d decision=allow -o /dev/null "$1"
`

// The commands of the first day and of the drills run as written, one after the other,
// against a system of their own. What a step says in words, as that workers are restarted,
// is done here.
func TestTheDrillsOfThePageForOperatorsBringEveryAccountBack(t *testing.T) {
	d := newDrills(t)

	d.run("First day")
	require.Equal(t, 1, d.generation())

	away := authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Status, Status: http.StatusServiceUnavailable, Times: 2}
	require.NoError(t, d.Provider.Inject(away))
	d.run("The provider is away")
	require.Equal(t, 2, d.generation())

	// The provider does not take the new secret yet.
	early := base64.StdEncoding.EncodeToString([]byte(d.Provider.Client().ID + ":not-in-force-yet"))
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "credentials.txt"), []byte(early), 0o600))
	d.run("A new client secret")
	require.Equal(t, 3, d.generation())

	d.purge(seal.SecretName)
	d.steps("The keyset is lost", d.restartWorker)
	require.Equal(t, 4, d.generation())

	d.steps("The vault is lost", func() {
		for range 2 {
			d.shell("go run ./starter refresh --provider xero --account will")
		}
		require.Equal(t, 6, d.generation())
		d.purge("XeroCredentials", d.SecretName("will", "RefreshToken"), d.SecretName("will", "AccessToken"), seal.SecretName)
	})
	require.Equal(t, 6, d.generation(), "found in the histories, and stored")

	d.Temporal.Kill()
	databases, err := filepath.Glob(d.Temporal.Database() + "*")
	require.NoError(t, err)
	require.NotEmpty(t, databases)
	for _, file := range databases {
		require.NoError(t, os.Remove(file))
	}
	require.NoError(t, d.Temporal.Restart(t.Context()))
	d.steps("Temporal is lost", d.restartWorker)
	require.Equal(t, 7, d.generation())

	for _, event := range d.Provider.Events("USER-WILL") {
		require.Equal(t, grant.Rotated, event.Outcome, "a token that was spent before was presented")
	}
	require.True(t, d.Provider.IsLive(d.Held("will")))
}

// drills are a system, and a shell in which an operator works on it.
type drills struct {
	*testenv.System
	t       *testing.T
	page    string
	dir     string
	env     []string
	worker  *testenv.Worker
	backups map[string]keyvault.Backup // by file
}

func newDrills(t *testing.T) *drills {
	cli := temporal.ForTest(t)
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("this test needs curl, for the account owner's browser")
	}
	page, err := os.ReadFile(operations)
	require.NoError(t, err)
	dir := t.TempDir()
	binary, err := testenv.BuildWorker(t.Context(), dir)
	require.NoError(t, err)
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "starter"), "./starter").CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.Symlink(cli, filepath.Join(bin, "temporal")))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(accountOwner), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "accounts.txt"), []byte("will xero\n"), 0o600))

	ports, err := process.FreePorts(1)
	require.NoError(t, err)
	redirect := "http://localhost:" + strconv.Itoa(ports[0]) + "/callback"
	client := authserver.DefaultClient()
	client.RedirectURIs = []string{redirect}
	xero, err := authserver.ProviderOf("xero")
	require.NoError(t, err)
	s, err := testenv.Start(t.Context(), testenv.Options{
		Dir: dir, CLI: cli, WorkerBinary: binary, Provider: authserver.Options{Provider: xero, Client: client},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })

	d := &drills{System: s, t: t, page: string(page), dir: dir, backups: map[string]keyvault.Backup{}}
	azure := httptest.NewServer(http.HandlerFunc(d.azure))
	t.Cleanup(azure.Close)
	d.env = s.Environment("PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "AZURE="+azure.URL, "REDIRECT="+redirect,
		"XDG_STATE_HOME="+filepath.Join(dir, "state"))
	d.restartWorker()
	return d
}

func (d *drills) restartWorker() {
	d.t.Helper()
	if d.worker != nil {
		require.NoError(d.t, d.worker.Stop(process.StopWithin))
	}
	var err error
	d.worker, err = d.StartWorker(d.t.Context(), nil)
	require.NoError(d.t, err)
	worker := d.worker
	d.t.Cleanup(func() {
		if d.t.Failed() {
			d.t.Logf("worker %d said:\n%s", worker.PID(), worker.Output())
		}
	})
}

// blocks are the commands below a heading of the page.
func (d *drills) blocks(heading string) (blocks []string) {
	d.t.Helper()
	_, section, found := strings.Cut(d.page, "# "+heading+"\n")
	require.True(d.t, found, "the page has no heading %s", heading)
	section, _, _ = strings.Cut(section, "\n#")
	for _, block := range shBlock.FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, block[1])
	}
	require.NotEmpty(d.t, blocks, heading)
	return blocks
}

// run runs all commands below a heading.
func (d *drills) run(heading string) {
	d.t.Helper()
	for _, block := range d.blocks(heading) {
		d.shell(block)
	}
}

// steps runs the first commands below a heading, does what the page says in words after
// them, and runs the others.
func (d *drills) steps(heading string, then func()) {
	d.t.Helper()
	blocks := d.blocks(heading)
	require.Len(d.t, blocks, 2, heading)
	d.shell(blocks[0])
	then()
	d.shell(blocks[1])
}

// shell runs commands, each of which must succeed.
func (d *drills) shell(commands string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 5*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "sh", "-euxc", inThePagesShell+commands)
	shell.Dir, shell.Env, shell.WaitDelay = d.dir, d.env, time.Second
	out, err := shell.CombinedOutput()
	require.NoError(d.t, err, string(out))
}

// azure does what the page does with Azure's command line.
func (d *drills) azure(w http.ResponseWriter, r *http.Request) {
	line, _ := io.ReadAll(r.Body)
	words := strings.Fields(string(line))
	flag := func(name string) string {
		if i := slices.Index(words, name); i >= 0 && i+1 < len(words) {
			return words[i+1]
		}
		return ""
	}
	backup, found := d.backups[flag("--file")]
	switch {
	case strings.HasPrefix(string(line), "keyvault secret backup ") && len(d.Vault.Versions(flag("--name"))) > 0:
		d.backups[flag("--file")] = d.Vault.Backup(flag("--name"))
	case strings.HasPrefix(string(line), "keyvault secret restore ") && found && d.Vault.Restore(backup) == nil:
	case strings.HasPrefix(string(line), "keyvault secret set "):
		value, err := os.ReadFile(filepath.Join(d.dir, flag("--file")))
		if err == nil {
			_, err = d.Vault.Put(flag("--name"), string(value))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	default:
		http.Error(w, "no such command, secret or file: az "+string(line)+strings.Join(slices.Sorted(maps.Keys(d.backups)), " "), http.StatusBadRequest)
	}
}

// purge leaves nothing of secrets.
func (d *drills) purge(names ...string) {
	d.t.Helper()
	for _, name := range names {
		require.NotEmpty(d.t, d.Vault.Versions(name), name)
	}
	empty, err := keyvault.Start(keyvault.Options{})
	require.NoError(d.t, err)
	defer empty.Close()
	require.NoError(d.t, d.Vault.Restore(empty.Backup(names...)))
}

// generation is that of the refresh token in the vault.
func (d *drills) generation() (n int) {
	d.t.Helper()
	versions := d.Vault.Versions(d.SecretName("will", "RefreshToken"))
	require.NotEmpty(d.t, versions)
	_, err := fmt.Sscan(versions[len(versions)-1].Tags["generation"], &n)
	require.NoError(d.t, err)
	return n
}
