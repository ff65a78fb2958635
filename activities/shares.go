package activities

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"tokenkeeper/internal/provider"
)

// shares bound how many activities of a worker call one provider at a time. A provider whose
// answers hang would otherwise hold all of them, and cost another provider's account the
// end of its replay window.
type shares struct {
	each int // calls of one provider; zero: no bound

	mu sync.Mutex
	of map[string]*share
}

// share is one provider's.
type share struct {
	calling, waiting int
	freed            chan struct{} // closed when a call ends
}

// slotWait is how long a call waits for a slot. It holds one of the worker's activities
// meanwhile, so that no more calls wait than the share has slots: in all a provider has at
// most three quarters of a worker's activities.
const slotWait = time.Second

// slotPause is the pause of a call that has found no slot and need not hurry: each attempt
// costs Temporal an action.
const slotPause = 10 * time.Second

// newShares gives each provider a quarter of a worker's activities.
func newShares(activities int) *shares {
	s := &shares{of: map[string]*share{}}
	if activities > 0 {
		s.each = max(1, activities/4)
	}
	return s
}

// enter waits for a slot, and returns what frees it; ok is false where none came free. A
// call is urgent whose token may be spent: its answer waits at the provider for as long as
// the window is open. Urgent calls have twice the share, and no other one begins while
// they need it, so that few tokens are spent at a provider that does not answer.
func (s *shares) enter(ctx context.Context, provider string, urgent bool) (leave func(), ok bool) {
	if s.each == 0 {
		return func() {}, true
	}
	limit := s.each
	if urgent {
		limit *= 2
	}
	ctx, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.of[provider]
	if sh == nil {
		sh = &share{freed: make(chan struct{})}
		s.of[provider] = sh
	}
	for sh.calling >= limit {
		if sh.waiting >= s.each || !s.wait(ctx, sh) {
			return nil, false
		}
	}
	sh.calling++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		sh.calling--
		close(sh.freed)
		sh.freed = make(chan struct{})
	}), true
}

// wait waits, without the lock, for the end of a call.
func (s *shares) wait(ctx context.Context, sh *share) bool {
	freed := sh.freed
	sh.waiting++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		sh.waiting--
	}()
	select {
	case <-freed:
		return true
	case <-ctx.Done():
		return false
	}
}

// enter takes a slot of the provider's share for an attempt. Without one the attempt has
// failed and sent nothing; of many that have failed alike, not all come back at once.
func (a *Activities) enter(ctx context.Context, p provider.Provider, c *calling) (leave func(), err error) {
	now := time.Now()
	urgent := c.window(now).IsOpen(now)
	leave, ok := a.shares.enter(ctx, p.Name, urgent)
	if ok {
		return leave, nil
	}
	pause := slotPause
	if now = time.Now(); c.window(now).IsOpen(now) {
		pause = min(pause, c.retryDelay(0, now))
	}
	failure := a.heldBack(ctx, p.Name, shareInUse, "%s has its share of this worker's calls, %d at a time; nothing was sent", p.Title, a.shares.each)
	return nil, c.withoutRequest(ctx, failure, spread(pause))
}

// spread makes the pauses of many attempts that have found no slot differ: half of a pause
// up to the whole.
func spread(pause time.Duration) time.Duration {
	return pause/2 + time.Duration(rand.Int64N(int64(pause/2)+1))
}
