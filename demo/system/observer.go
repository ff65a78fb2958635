package system

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// Snapshot is how the system is at one moment.
type Snapshot struct {
	Judgement
	Parts []Part
	// Next is when the cron wants the next run; zero while one is at work and
	// where there is no cron.
	Next time.Time
	Runs []Run // that have begun, newest first
	// Refreshes counts the runs that ended with a pair in the vault.
	Refreshes int
	// LostTokens counts the refresh tokens of which a run's end left the vault
	// without the successor.
	LostTokens int
}

// Part is one of the system's processes or servers.
type Part struct {
	Name  string
	Where string // a URL, or process ids
	Up    bool
}

// Observer looks at a system again and again, and counts.
type Observer struct {
	system *System
	runs   map[string]Run // those that have ended, by id
	lost   map[token.Fingerprint]bool
}

// Observe begins to look at a system.
func Observe(s *System) *Observer {
	return &Observer{system: s, runs: map[string]Run{}, lost: map[token.Fingerprint]bool{}}
}

// shown is how many of the latest runs are looked at. More do not end between
// two looks.
const shown = 12

// Look takes a snapshot. While Temporal is away, the runs are those of before.
func (o *Observer) Look(ctx context.Context) Snapshot {
	snapshot := Snapshot{Parts: o.parts(ctx)}
	ids, err := o.system.latest(ctx, shown)
	var open []Run
	for _, id := range ids {
		if _, ended := o.runs[id]; ended {
			continue
		}
		run, runErr := o.system.Run(ctx, id)
		switch {
		case runErr != nil:
			err = runErr
		case run.Ended.IsZero():
			open = append(open, run)
		default:
			o.take(run)
		}
	}
	snapshot.Parts[0].Up = err == nil
	for _, run := range open {
		if run.AtWork() {
			snapshot.Runs = append(snapshot.Runs, run)
		} else {
			snapshot.Next = run.Due
		}
	}
	for _, run := range o.runs {
		snapshot.Runs = append(snapshot.Runs, run)
		if run.Refreshed() {
			snapshot.Refreshes++
		}
	}
	slices.SortFunc(snapshot.Runs, func(a, b Run) int { return b.Began.Compare(a.Began) })
	snapshot.LostTokens = len(o.lost)
	snapshot.Judgement = o.system.Judge()
	return snapshot
}

// take remembers a run that has ended, and judges what it left behind.
func (o *Observer) take(r Run) {
	o.runs[r.ID] = r
	if j := o.system.Judge(); j.Lost() {
		o.lost[j.Fingerprint] = true
	}
}

// parts finds out what answers. Temporal comes first, and whether it is up is
// the caller's to say.
func (o *Observer) parts(ctx context.Context) []Part {
	s := o.system
	parts := []Part{
		{Name: "Temporal", Where: s.PageURL()},
		{Name: "vault", Where: s.Vault.URL(), Up: answers(ctx, s.Vault.URL())},
		{Name: "provider", Where: s.Provider.URL(), Up: answers(ctx, s.Provider.URL())},
	}
	workers := Part{Name: "worker"}
	var pids []string
	for _, w := range s.Workers() {
		select {
		case <-w.Ended():
		default:
			pids = append(pids, fmt.Sprint(w.PID()))
			workers.Up = true
		}
	}
	if workers.Up {
		workers.Where = "pid " + strings.Join(pids, ", ")
	}
	return append(parts, workers)
}

// PageURL is the workflow's page in the Web UI.
func (s *System) PageURL() string {
	return s.Temporal.WebUI() + "/namespaces/default/workflows/" + workflows.ID(Account)
}

// answers reports whether somebody listens at a URL.
func answers(ctx context.Context, address string) bool {
	parsed, err := url.Parse(address)
	if err != nil {
		return false
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", parsed.Host)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
