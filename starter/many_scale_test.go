//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/testenv"
)

// manyAccounts is how many accounts a test makes; see envAccounts.
func manyAccounts(t *testing.T) int {
	t.Helper()
	text := os.Getenv(envAccounts)
	if text == "" {
		return someAccounts
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// fleetOf is many accounts at one server, and the starter as a process of its own.
type fleetOf struct {
	t       *testing.T
	n       int
	client  client.Client
	environ []string
	file    string
}

// command is this test's own program as starter; see [testscript.Main].
func (f fleetOf) command(args ...string) *exec.Cmd {
	program, err := os.Executable()
	require.NoError(f.t, err)
	return &exec.Cmd{Path: program, Args: append([]string{"starter"}, args...), Env: f.environ}
}

// killedThenRepeated kills a command when a listing shows that it is in the middle, runs it
// again, and returns what that did and how long both took.
func (f fleetOf) killedThenRepeated(query string, args ...string) (manyAnswer, time.Duration) {
	f.t.Helper()
	args = append(args, "--accounts", f.file, "--output", "json")
	began := time.Now()
	killed := f.command(args...)
	var said bytes.Buffer
	killed.Stderr = &said
	require.NoError(f.t, killed.Start())
	ended := make(chan error, 1)
	go func() { ended <- killed.Wait() }()
	for running := true; running && f.count(query) < f.n/3; {
		select {
		case err := <-ended: // the listing lags so far behind that it has done the last: killed after that
			require.NoError(f.t, err, "it ended before it was killed: %s", &said)
			ended <- nil
			running = false
		case <-f.t.Context().Done():
			return manyAnswer{}, 0
		case <-time.After(time.Duration(f.n/100) * time.Millisecond): // counting many is work for the server
		}
	}
	_ = killed.Process.Kill() // of few accounts it may have done the last just now
	if err := <-ended; err != nil {
		f.t.Log("killed:", err)
	}
	repeated := f.command(args...)
	var out, notes bytes.Buffer
	repeated.Stdout, repeated.Stderr = &out, &notes
	require.NoError(f.t, repeated.Run(), "%s", &notes)
	took := time.Since(began)
	var answer manyAnswer
	require.NoError(f.t, json.Unmarshal(out.Bytes(), &answer))
	require.Equal(f.t, f.n, answer.Total)
	require.Zero(f.t, answer.NotTried)
	f.t.Logf("%s: %d accounts in %s, %.0f a second; killed in between; then %v; largest memory %d MB", args[0], f.n, took.Round(time.Millisecond),
		float64(f.n)/took.Seconds(), answer.Outcomes, maxRSS(repeated)>>10)
	return answer, took
}

// asks runs a command that answers with JSON, and says how long it took.
func (f fleetOf) asks(answer any, args ...string) {
	f.t.Helper()
	began := time.Now()
	cmd := f.command(append(args, "--output", "json")...)
	var out, notes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notes
	require.NoError(f.t, cmd.Run(), "%s", &notes)
	f.t.Logf("%v of %d accounts: %s; largest memory %d MB", args, f.n, time.Since(began).Round(time.Millisecond), maxRSS(cmd)>>10)
	require.NoError(f.t, json.Unmarshal(out.Bytes(), answer))
}

func (f fleetOf) count(query string) int {
	count, err := f.client.CountWorkflow(f.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return 0
	}
	return int(count.GetCount())
}

// write writes the file of accounts.
func (f fleetOf) write() {
	var text bytes.Buffer
	for i := range f.n {
		fmt.Fprintf(&text, "user-%d %s %s\n", i, []string{"fitbit", "google-health"}[i%2], []string{"fresh", "alive"}[i/2%2])
	}
	require.NoError(f.t, os.WriteFile(f.file, text.Bytes(), 0o600))
}

// part is a fleet's first accounts: a tenth of one that takes long.
func (f fleetOf) part() fleetOf {
	if f.n > 1000 {
		f.n /= 10
		f.write()
	}
	return f
}

// Many accounts are started, moved and stopped, by a starter that is killed in the middle of
// each and then repeated: what was done is left alone, and the rest is done. With
// envAccounts=100000 it is the measurement that docs/fleet.md has; then a tenth of them is moved
// and stopped.
func TestManyAccountsAreStartedMovedAndStoppedThoughTheStarterIsKilled(t *testing.T) {
	server := testenv.OwnTemporal(t)
	c, err := client.Dial(client.Options{HostPort: server.Address(), Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	f := fleetOf{t: t, n: manyAccounts(t), client: c, file: filepath.Join(t.TempDir(), "accounts.txt"),
		environ: []string{"HOME=" + t.TempDir(), "TEMPORAL_ADDRESS=" + server.Address()}}
	f.write()

	const running = "ExecutionStatus = 'Running'"
	// Half a day from now: no worker is there, and one that is due would stay at work.
	notYet := fmt.Sprintf("0 %d * * *", time.Now().UTC().Add(12*time.Hour).Hour())
	answer, _ := f.killedThenRepeated(running, "start", "--cron", notYet)
	require.GreaterOrEqual(t, answer.Outcomes["already running"], f.n/3)
	require.Equal(t, f.n, answer.Outcomes["already running"]+answer.Outcomes["started"])
	awaitCount(t, c, running, f.n)
	awaitCount(t, c, running+" AND TokenProvider = 'google-health'", f.n/2)

	var summary struct {
		Accounts int            `json:"accounts"`
		Health   map[string]int `json:"health"`
	}
	f.asks(&summary, "status", "--summary")
	require.Equal(t, f.n, summary.Accounts)
	var page []row
	f.asks(&page, "status", "--health", "waiting", "--provider", "fitbit", "--limit", "100")
	require.Len(t, page, min(100, f.n/2))
	require.Equal(t, "fitbit", page[0].Provider)

	part := f.part()
	answer, _ = part.killedThenRepeated(running+" AND TaskQueue = 'shard-2'", "move", "--to-task-queue", "shard-2", "--same-vault", "--yes")
	require.GreaterOrEqual(t, answer.Outcomes[outcomeThere], part.n/3)
	require.Equal(t, part.n, answer.Outcomes[outcomeThere]+answer.Outcomes[outcomeMoved])
	awaitCount(t, c, running+" AND TaskQueue = 'shard-2'", part.n)

	answer, _ = part.killedThenRepeated("ExecutionStatus = 'Terminated' AND TaskQueue = 'shard-2'", "stop", "--yes")
	require.GreaterOrEqual(t, answer.Outcomes[outcomeNotKept], part.n/3)
	require.Equal(t, part.n, answer.Outcomes[outcomeNotKept]+answer.Outcomes[outcomeStopped])
	awaitCount(t, c, running, f.n-part.n)
}

// Runs that are stuck, more than are moved at a time, hold up no account that waits.
func TestAMoveOfManyLeavesThoseAtWorkForLast(t *testing.T) {
	server := testenv.OwnTemporal(t)
	c, err := client.Dial(client.Options{HostPort: server.Address(), Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	f := fleetOf{t: t, n: maxConcurrent + 4, client: c, file: filepath.Join(t.TempDir(), "accounts.txt"),
		environ: []string{"HOME=" + t.TempDir(), "TEMPORAL_ADDRESS=" + server.Address()}}
	f.write()
	require.NoError(t, f.command("start", "--accounts", f.file).Run())
	for i := range f.n - 1 { // no worker is there, so that they stay at work
		require.NoError(t, f.command("refresh", "--account", fmt.Sprintf("user-%d", i), "--provider", []string{"fitbit", "google-health"}[i%2], "--wait=false").Run())
	}
	move := f.command("move", "--accounts", f.file, "--to-task-queue", "shard-2", "--same-vault", "--yes")
	var said bytes.Buffer
	move.Stdout, move.Stderr = &said, &said
	require.NoError(t, move.Start())
	t.Cleanup(func() {
		_ = move.Process.Kill()
		_ = move.Wait()
	})
	awaitCount(t, c, "ExecutionStatus = 'Running' AND TaskQueue = 'shard-2'", 1)
	require.NoError(t, move.Process.Signal(os.Interrupt))
	require.Error(t, move.Wait())
	require.Contains(t, said.String(), fmt.Sprintf("Accounts: 1 moved, %d not tried, %d in all.", f.n-1, f.n))
	require.Contains(t, said.String(), fmt.Sprintf("%d accounts are left", f.n-1))
}

// maxRSS is the most memory that an ended process has had, in KiB; 0 where that is unknown.
func maxRSS(cmd *exec.Cmd) int64 {
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return int64(usage.Maxrss)
	}
	return 0
}
