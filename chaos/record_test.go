//go:build record

package main_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/replay"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// into is where the histories go.
var into = flag.String("histories", "", "folder that the recorded histories are written to")

// patienceOfARun is longer than a run takes that is overdue first, and whose
// next attempt is as far away as it can be.
const patienceOfARun = workflows.OverdueAfter + 8*time.Minute

// path is a way that a run can go, on a system of its own. Its account has the
// path's name, so that recording it anew gives the same names.
type path struct {
	account
	path string
}

// TestRecord records every path of the workflow anew; see make histories.
func TestRecord(t *testing.T) {
	require.NotEmpty(t, *into, "-histories must say where to")
	require.NoError(t, os.MkdirAll(*into, 0o755))
	for _, p := range slices.Concat(slowPaths, goodPaths, cancelledPaths, failedPaths, recoveries) {
		t.Run(p.name, p.play)
	}
}

// recording is a path to play.
type recording struct {
	name     string
	provider authserver.Options
	run      func(p path)
}

func (r recording) play(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: r.provider})
	r.run(path{s.consentOf(r.name, s.fitbit()), r.name})
}

// record writes a run's history down under the path's name.
func (p path) record(r run) { p.recordAs(p.path, r) }

// recordAs writes down the history of a run that has ended, once it is sure that
// it replays and gives nothing away.
func (p path) recordAs(name string, r run) {
	p.t.Helper()
	text, err := replay.Scrub(&historypb.History{Events: r.history()}, r.TaskQueue())
	require.NoError(p.t, err)
	h, err := replay.Read(text)
	require.NoError(p.t, err)
	require.NoError(p.t, replay.Replay(h, workflows.Type, (&workflows.Workflows{}).RefreshTokens))
	host, err := os.Hostname()
	require.NoError(p.t, err)
	plain := string(text) + h.String()
	for _, private := range []string{secretPrefix, host, os.TempDir() + "/", p.TaskQueue()} {
		require.False(p.t, strings.Contains(plain, private), "the history holds what nobody else should see: %q", private)
	}
	require.NoError(p.t, os.WriteFile(filepath.Join(*into, name+".json"), text, 0o644))
}

// start starts a run with any input.
func (p path) start(in workflows.Input, changes ...func(*client.StartWorkflowOptions)) run {
	p.t.Helper()
	o := client.StartWorkflowOptions{ID: p.workflowID(), TaskQueue: p.TaskQueue()}
	for _, change := range changes {
		change(&o)
	}
	started, err := p.temporal.ExecuteWorkflow(p.t.Context(), o, workflows.Type, in)
	require.NoError(p.t, err)
	return run{p.account, o.ID, started.GetRunID()}
}

// overdue waits until the run has told a person that it is overdue.
func (r run) overdue() {
	r.t.Helper()
	for deadline := time.Now().Add(patienceOfARun); len(r.attempts("Alert")) == 0; time.Sleep(time.Second) {
		require.True(r.t, time.Now().Before(deadline), "nobody is told")
	}
}

// ends waits for longer than wait does.
func (r run) ends() {
	r.t.Helper()
	for deadline := time.Now().Add(patienceOfARun); r.end().GetWorkflowExecutionCompletedEventAttributes() == nil &&
		r.end().GetWorkflowExecutionFailedEventAttributes() == nil; time.Sleep(time.Second) {
		require.True(r.t, time.Now().Before(deadline), "the run does not end")
	}
}

// claim puts a refresh token of the account's own consent into the vault as a
// generation, as no run of ours does.
func (p path) claim(generation int) {
	p.t.Helper()
	value := token.NewSecret("fake-refresh-token-of-nobody")
	tags := maps.Clone(p.refreshVersions()[0].Tags)
	tags["generation"], tags["parent"], tags["fingerprint"] = strconv.Itoa(generation), tags["fingerprint"], string(value.Fingerprint())
	_, err := p.secrets().Set(p.t.Context(), testenv.SecretName(p.name, "RefreshToken"), value, vault.Properties{Tags: tags})
	require.NoError(p.t, err)
}

// drop ends a cron.
func (r run) drop() {
	r.t.Helper()
	require.NoError(r.t, r.temporal.TerminateWorkflow(r.t.Context(), r.id, "", "the path is recorded"))
}
