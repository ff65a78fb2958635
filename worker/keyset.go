package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/vault"
)

const (
	// keysetEvery is the least time between two readings of the keyset, and keysetJitter
	// what chance adds. Together they are less than seal.CacheLife, so that a worker that
	// has nothing to do knows a new key before it seals.
	keysetEvery, keysetJitter = 30 * time.Second, 15 * time.Second
	// keysetTimeout bounds one reading.
	keysetTimeout = 15 * time.Second
)

// keysetCause is what is wrong with the keyset. It is a metric's label.
type keysetCause string

const (
	keysetElsewhere keysetCause = "elsewhere" // its primary key is not one to trust
	keysetMalformed keysetCause = "malformed" // its current version is none
	keysetLost      keysetCause = "lost"      // there is none that can be read
)

var keysetCauses = []keysetCause{keysetElsewhere, keysetMalformed, keysetLost}

// keysetIncident is what is wrong with the keyset; the zero value says nothing is.
type keysetIncident struct {
	cause   keysetCause
	version string // in the vault; empty where none can be read
}

// keysetMonitor reads the keyset again and again, which keeps the keyring's copy fresh
// whether there is work or not, and logs a keyset that is not to be believed, or not there.
// Every worker does: each has its own memory of the keys.
type keysetMonitor struct {
	keyring interface {
		Inspect(ctx context.Context) (seal.Report, error)
	}
	metrics interface {
		KeysetChanged(ctx context.Context, cause string, n int)
	}
	incident *fleetIncident
	log      *slog.Logger

	open       keysetIncident
	reportedAt time.Time
}

// start sets the metric to 0 for every cause, so that the first incident is a change, and
// reads the keyset until stop is called or ctx ends.
func (m *keysetMonitor) start(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	for _, cause := range keysetCauses {
		m.metrics.KeysetChanged(ctx, string(cause), 0)
	}
	go func() {
		for {
			m.check(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(keysetEvery + rand.N(keysetJitter)):
			}
		}
	}()
	return stop
}

// check reads the keyset once and reports what is new. A vault that is away changes
// nothing: the loads that wait for it alert.
func (m *keysetMonitor) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keysetTimeout)
	defer cancel()
	report, err := m.keyring.Inspect(ctx)
	found, message, known := findKeysetIncident(report, err)
	switch {
	case !known || ctx.Err() != nil:
	case found == keysetIncident{}:
		if m.open != found {
			m.open = found
			m.log.InfoContext(ctx, "the keyset can be believed again")
		}
		m.incident.heal(ctx, "the keyset can be believed")
	case found != m.open:
		m.open = found
		m.metrics.KeysetChanged(ctx, string(found.cause), 1)
		m.report(ctx, message)
	case time.Since(m.reportedAt) >= remindEvery:
		m.report(ctx, message)
	}
}

func (m *keysetMonitor) report(ctx context.Context, message string) {
	m.reportedAt = time.Now()
	m.log.ErrorContext(ctx, "the keyset needs a person: "+message, "cause", string(m.open.cause), "secret", seal.SecretName, "version", m.open.version)
	m.incident.raise(ctx, "the keyset "+seal.SecretName+": "+message)
}

// findKeysetIncident decides what a reading of the keyset shows. It is not known where
// the vault did not answer.
func findKeysetIncident(r seal.Report, err error) (found keysetIncident, message string, known bool) {
	switch {
	case lost(err):
		return keysetIncident{cause: keysetLost}, err.Error() + "; runs at work go on with the keys that this worker remembers; do not restart it before", true
	case err != nil:
		return keysetIncident{}, "", false
	case r.Elsewhere != nil && r.Bridge != "":
		return keysetIncident{keysetElsewhere, r.Elsewhere.ID}, fmt.Sprintf("version %s has key %d as its primary one, and version %s, which may show that this is yours, is disabled; nothing is spent; "+
			"enable version %s again, or disable version %s if it is a stranger's; see docs/keyset.md", r.Elsewhere.ID, r.Elsewhere.Primary, r.Bridge, r.Bridge, r.Elsewhere.ID), true
	case r.Elsewhere != nil:
		return keysetIncident{keysetElsewhere, r.Elsewhere.ID}, fmt.Sprintf("version %s has key %d as its primary one, which no version that is trusted holds; "+
			"nothing is spent, and pairs already issued are sealed with key %d; find out who wrote it, then: starter keys rotate; see docs/keyset.md", r.Elsewhere.ID, r.Elsewhere.Primary, r.Primary), true
	case r.Malformed:
		return keysetIncident{keysetMalformed, r.Versions[0].ID}, fmt.Sprintf("version %s is no keyset, and key %d of an older version seals; "+
			"find out who wrote it, and disable that version", r.Versions[0].ID, r.Primary), true
	}
	return keysetIncident{}, "", true
}

// lost reports whether an error says that the vault has no keyset that can be read.
func lost(err error) bool {
	for _, loss := range []error{seal.ErrNoKeyset, seal.ErrCorrupt, vault.ErrDeleted, vault.ErrDisabled} {
		if errors.Is(err, loss) {
			return true
		}
	}
	return false
}
