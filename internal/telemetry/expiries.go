package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"tokenkeeper/internal/token"
)

const (
	// maxAccounts bounds the gauge: one time series for each account and worker.
	// Beyond it a worker shows no account rather than some of them, because an
	// account that one worker shows and another has refreshed since would look
	// expired. Larger fleets have the counters, and TokenHealth in Temporal.
	maxAccounts = 1000
	// forgetAfter its expiry nobody is looking after an account here any more.
	forgetAfter = 7 * 24 * time.Hour
)

// expiries remembers until when each account's access token is good.
type expiries struct {
	mu      sync.Mutex
	until   map[token.Account]time.Time
	crowded bool // there were more than maxAccounts
}

func newExpiries() *expiries { return &expiries{until: map[token.Account]time.Time{}} }

func (e *expiries) note(account token.Account, expiry time.Time) {
	if expiry.IsZero() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.crowded {
		return
	}
	e.until[account] = expiry
	if len(e.until) > maxAccounts {
		e.crowded, e.until = true, nil
	}
}

func (e *expiries) observe(_ context.Context, o metric.Float64Observer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for account, expiry := range e.until {
		left := time.Until(expiry)
		if left < -forgetAfter {
			delete(e.until, account)
			continue
		}
		o.Observe(left.Seconds(), labels("provider", account.Provider, "account", account.Name))
	}
	return nil
}
