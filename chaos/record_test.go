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
const patienceOfARun = workflows.OverdueAfter + 15*time.Minute

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
	if r.provider.ReplayWindow == 0 {
		r.provider.ReplayWindow = authserver.DefaultReplayWindow // which is in the histories
	}
	s := newSystem(t, testenv.Options{Provider: r.provider})
	r.run(path{s.consentOf(r.name, s.fitbit()), r.name})
}

// record writes a run's history down under the path's name.
func (p path) record(r run) { p.recordAs(p.path, r) }

// recordAs writes down the history of a run that has ended, once it is sure that
// it replays and holds nothing private.
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
		require.False(p.t, strings.Contains(plain, private), "the history holds what is private: %q", private)
	}
	require.NoError(p.t, os.WriteFile(filepath.Join(*into, name+".json"), text, 0o644))
}

// ends waits until a run has succeeded with this outcome, and records it.
func (p path) ends(r run, o workflows.Outcome) {
	p.t.Helper()
	require.Equal(p.t, o, r.result().Outcome)
	p.record(r)
}

// fails waits for the run's failure, which must be of a type, and records it.
func (p path) fails(r run, kind string) {
	p.t.Helper()
	require.Equal(p.t, kind, r.failure().Type)
	p.record(r)
}

// endsOverdue waits until the run has alerted that it is overdue, mends what it
// waits for, and records its success.
func (p path) endsOverdue(r run, mend func()) {
	p.t.Helper()
	p.atLast("the alert", func() bool { return len(r.attempts("Alert")) > 0 })
	mend()
	r.closes()
	p.ends(r, workflows.Refreshed)
}

// closes waits for the run's end for longer than wait does.
func (r run) closes() {
	r.t.Helper()
	r.atLast("the run's end", func() bool { return !workflows.RunResultFrom(r.end()).At.IsZero() })
}

// atLast is eventually for what takes as long as a run that is overdue.
func (s *system) atLast(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patienceOfARun); !holds(); time.Sleep(time.Second) {
		require.True(s.t, time.Now().Before(deadline), "waited %s in vain for %s", patienceOfARun, what)
	}
}

// claim puts a refresh token of the account's own consent into the vault as a
// generation, as no run does.
func (p path) claim(generation int) {
	p.t.Helper()
	value := token.NewSecret("fake-refresh-token-of-nobody")
	tags := maps.Clone(p.refreshVersions()[0].Tags)
	tags["generation"], tags["parent"], tags["fingerprint"] = strconv.Itoa(generation), tags["fingerprint"], string(value.Fingerprint())
	_, err := p.secrets().Set(p.t.Context(), p.secret("RefreshToken"), value, vault.Properties{Tags: tags})
	require.NoError(p.t, err)
}
