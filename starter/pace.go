package main

import (
	"context"
	"sync"
	"time"
)

// accountsPerSecond is how fast a command writes many accounts' tokens to a vault. Key
// Vault takes 300 creations in 10 s, two of which an account needs; the workers have 260 of
// them on the average by default, and these are the rest.
const accountsPerSecond = 2

// pace spreads what a command does over time.
type pace struct {
	mu   sync.Mutex
	next time.Time
}

func newPace() *pace { return &pace{} }

// wait returns when it is the caller's turn.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(time.Second / accountsPerSecond)
	p.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(turn.Sub(now)):
		return nil
	}
}

// storeTimeout bounds the store of one account's tokens, with what is tried again.
const storeTimeout = time.Minute

// ignoreRetry is for a store whose failure counts in the end alone.
func ignoreRetry(error, time.Duration) {}
