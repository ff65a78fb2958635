package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"tokenkeeper/internal/provider"
)

// breakers are a worker's, one for each provider.
type breakers struct {
	mu sync.Mutex
	of map[string]*breaker
}

func newBreakers() *breakers { return &breakers{of: map[string]*breaker{}} }

func (b *breakers) with(provider string, do func(*breaker)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of[provider] == nil {
		b.of[provider] = &breaker{}
	}
	do(b.of[provider])
}

// admission is a call that the breaker has let through.
type admission struct {
	a        *Activities
	provider provider.Provider
	account  string
	pass     pass
	once     sync.Once
}

// admit lets a call through to its provider. One that is not urgent ends unsent while the
// provider is away for everyone. Where many wait, they come back apart from each other, and
// within a quarter of the time between two refreshes.
func (a *Activities) admit(ctx context.Context, p provider.Provider, c *calling) (*admission, error) {
	ad := &admission{a: a, provider: p, account: c.loaded.Account.String()}
	now := time.Now()
	if c.window(now).IsOpen(now) {
		ad.pass = exempt
		return ad, nil
	}
	var (
		again time.Duration
		ok    bool
		cause string
	)
	a.breakers.with(p.Name, func(b *breaker) {
		ad.pass, again, ok = b.admit(now)
		again = min(again, max(b.until.Sub(now), 0)+max(p.Period()/4, shortestAway))
		cause = b.cause
	})
	if ok {
		return ad, nil
	}
	failure := a.heldBack(ctx, p.Name, providerAway, "%s is away for every account (%s), so that few ask it until it answers; nothing was sent", p.Title, cause)
	return nil, c.withoutRequest(ctx, failure, spread(again))
}

// end takes in the provider's answer to the call, once.
func (ad *admission) end(ctx context.Context, err error, now time.Time) {
	ad.once.Do(func() {
		o, wait, cause := outcomeOf(err)
		changed, isOpen := false, false
		ad.a.breakers.with(ad.provider.Name, func(b *breaker) {
			if cause != "" {
				b.cause = cause
			}
			changed = b.end(ad.pass, ad.account, o, wait, now)
			isOpen, cause = b.state == open, b.cause
		})
		if changed {
			ad.a.tellBreaker(ctx, ad.provider, isOpen, cause)
		}
	})
}

// errNothingSent ends an admission whose call has sent nothing.
var errNothingSent = errors.New("nothing was sent")

// outcomeOf says what the outcome of a request tells of the provider: one that refuses a
// grant or a client does its work.
func outcomeOf(err error) (o outcome, wait time.Duration, cause string) {
	if err == nil {
		return answered, 0, ""
	}
	f, ok := errors.AsType[*provider.Failure](err)
	switch {
	case errors.Is(err, errNothingSent):
		return unknown, 0, ""
	case !ok:
		return away, 0, "no answer"
	}
	switch f.Kind {
	case provider.Unreachable:
		return away, f.RetryAfter, "no answer"
	case provider.Unavailable:
		return away, f.RetryAfter, answerInWords(f)
	case provider.RateLimited:
		return limited, f.RetryAfter, answerInWords(f)
	case provider.InvalidGrant, provider.InvalidClient, provider.RequestRejected, provider.ProviderRetired:
		return answered, 0, "" // and each account is to fail as what it is
	}
	return unknown, 0, ""
}

func (a *Activities) tellBreaker(ctx context.Context, p provider.Provider, isOpen bool, cause string) {
	a.Metrics.Breaker(ctx, p.Name, isOpen)
	if isOpen {
		a.Log.WarnContext(ctx, "a provider is away for every account; few calls ask it until it answers", "provider", p.Name, "cause", cause)
		return
	}
	a.Log.InfoContext(ctx, "the provider answers again; its calls come back by and by", "provider", p.Name)
}
