package system

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// Audit compares the refresh token that the vault holds with the one that the
// provider would take. Neither side is asked about the other.
type Audit struct {
	// Generation of the vault's refresh token; 0 for one that was put there by hand.
	Generation  token.Generation
	Fingerprint token.Fingerprint
	// Consented: the provider has a grant in force, wherever its token is.
	Consented bool
	// Live: the provider would rotate the vault's refresh token.
	Live bool
	// Replayable: it is spent, and the provider would still repeat its answer.
	Replayable bool
	// Expiry of the vault's access token; zero where there is none.
	Expiry time.Time
}

// Lost reports whether a grant is in force of which the vault holds no usable
// refresh token. A consent that was revoked is not lost.
func (a Audit) Lost() bool { return a.Consented && !a.Live && !a.Replayable }

// Audit asks the vault and the provider.
func (s *System) Audit() Audit {
	held := s.Held(Account.Name)
	a := Audit{
		Fingerprint: token.NewSecret(held).Fingerprint(),
		Consented:   s.Provider.Audit(testenv.UserOf(Account.Name)).Alive(),
		Live:        s.Provider.IsLive(held),
		Replayable:  s.Provider.Replayable(held),
	}
	if versions := s.Vault.Versions(testenv.SecretName(Account.Name, "RefreshToken")); len(versions) > 0 {
		generation, _ := strconv.Atoi(versions[len(versions)-1].Tags["generation"])
		a.Generation = token.Generation(generation)
	}
	if versions := s.Vault.Versions(testenv.SecretName(Account.Name, "AccessToken")); len(versions) > 0 {
		a.Expiry = versions[len(versions)-1].Expires
	}
	return a
}

// Snapshot is the state of the system at one moment.
type Snapshot struct {
	Audit
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

// Observer takes snapshots of a system, and counts from one to the next.
type Observer struct {
	system *System
	runs   map[string]Run // those that have ended, by id
	lost   map[token.Fingerprint]bool
}

// Observe makes an observer that has seen nothing yet.
func Observe(s *System) *Observer {
	return &Observer{system: s, runs: map[string]Run{}, lost: map[token.Fingerprint]bool{}}
}

const (
	// latestRuns is how many runs are read. More do not end between two snapshots.
	latestRuns = 12
	// snapshotWithin bounds Temporal's part of a snapshot, so that the view goes on
	// while Temporal is down.
	snapshotWithin = 3 * time.Second
)

// Snapshot reads the system's state. While Temporal is away, the runs are those
// of before.
func (o *Observer) Snapshot(ctx context.Context) Snapshot {
	open, err := o.readRuns(ctx)
	snapshot := Snapshot{Audit: o.system.Audit(), Parts: o.parts(ctx, err == nil), LostTokens: len(o.lost)}
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
	return snapshot
}

// readRuns returns the runs that have not ended, and remembers those that have,
// with what they left in the vault.
func (o *Observer) readRuns(ctx context.Context) (open []Run, err error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotWithin)
	defer cancel()
	ids, err := o.system.latest(ctx, latestRuns)
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
			o.runs[id] = run
			if audit := o.system.Audit(); audit.Lost() {
				o.lost[audit.Fingerprint] = true
			}
		}
	}
	return open, err
}

// parts finds out what answers besides Temporal.
func (o *Observer) parts(ctx context.Context, temporalUp bool) []Part {
	s := o.system
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
	return []Part{
		{Name: "Temporal", Where: s.PageURL(), Up: temporalUp},
		{Name: "vault", Where: s.Vault.URL(), Up: answers(ctx, s.Vault.URL())},
		{Name: "provider", Where: s.Provider.URL(), Up: answers(ctx, s.Provider.URL())},
		workers,
	}
}

// answers reports whether the host of a URL takes connections.
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

// PageURL is the workflow's page in the Web UI.
func (s *System) PageURL() string {
	return s.Temporal.WebUI() + "/namespaces/default/workflows/" + workflows.ID(Account)
}
