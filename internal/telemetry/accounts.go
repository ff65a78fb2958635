package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"tokenkeeper/internal/token"
)

const (
	// maxAccounts bounds each gauge: one time series for each account and worker.
	// Beyond it a worker shows no account rather than some of them, because an
	// account that one worker shows and another has refreshed since would look
	// expired. Larger fleets have the counters, and TokenHealth in Temporal.
	maxAccounts = 1000
	// forgetAfter the end of its access token an account is no longer refreshed here.
	forgetAfter = 7 * 24 * time.Hour
)

// ends are an account's, as the last answer gave them; zero when unknown.
type ends struct{ accessToken, consent time.Time }

// last is the end by which the account is refreshed again, if it is at all.
func (e ends) last() time.Time {
	if e.accessToken.IsZero() {
		return e.consent
	}
	return e.accessToken
}

// accounts holds the ends of each account that this worker has stored tokens of.
type accounts struct {
	mu        sync.Mutex
	ends      map[token.Account]ends
	overLimit bool // there were more than maxAccounts
}

func (a *accounts) record(account token.Account, e ends) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.overLimit {
		return
	}
	if e == (ends{}) {
		delete(a.ends, account)
		return
	}
	a.ends[account] = e
	if len(a.ends) > maxAccounts {
		a.overLimit, a.ends = true, nil
	}
}

func (a *accounts) observeExpiries(_ context.Context, o metric.Float64Observer) error {
	a.each(func(account token.Account, e ends) {
		if !e.accessToken.IsZero() {
			o.Observe(float64(e.accessToken.Unix()), labels("provider", account.Provider, "account", account.Name))
		}
	})
	return nil
}

func (a *accounts) observeConsents(_ context.Context, o metric.Float64Observer) error {
	a.each(func(account token.Account, e ends) {
		if !e.consent.IsZero() {
			o.Observe(float64(e.consent.Unix()), labels("provider", account.Provider, "account", account.Name))
		}
	})
	return nil
}

// each calls f for each account that is still refreshed here.
func (a *accounts) each(f func(token.Account, ends)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for account, e := range a.ends {
		if time.Since(e.last()) > forgetAfter {
			delete(a.ends, account)
			continue
		}
		f(account, e)
	}
}
