package main

import (
	"math/rand/v2"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
)

// fault is one thing that goes wrong for a moment.
type fault struct {
	name     string
	provider *authserver.Fault
	vault    *keyvault.Fault
	link     time.Duration // how long the worker is cut off from Temporal
}

// kinds are the faults of every edge that pass by themselves. Those that end a grant, or
// need an operator, have rows of their own.
var kinds = []fault{
	{name: "provider: answer lost", provider: &authserver.Fault{Commit: true, Answer: authserver.Reset}},
	{name: "provider: never asked", provider: &authserver.Fault{Answer: authserver.Reset}},
	{name: "provider: answer cut", provider: &authserver.Fault{Answer: authserver.Truncated}},
	{name: "provider: broken JSON", provider: &authserver.Fault{Commit: true, Answer: authserver.Malformed}},
	{name: "provider: HTML", provider: &authserver.Fault{Commit: true, Answer: authserver.HTML}},
	{name: "provider: no tokens", provider: &authserver.Fault{Commit: true, Answer: authserver.NoTokens}},
	{name: "provider: 503 after it committed", provider: &authserver.Fault{Commit: true, Answer: authserver.Status, Status: 503, RetryAfter: authserver.Duration(5 * time.Minute)}},
	{name: "provider: 429 with a wait", provider: &authserver.Fault{Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(3 * time.Second)}},
	{name: "provider: 502", provider: &authserver.Fault{Answer: authserver.Status, Status: 502, Times: 3}},
	{name: "provider: flood of headers", provider: &authserver.Fault{Commit: true, Answer: authserver.FloodHeaders}},
	{name: "provider: flood of body", provider: &authserver.Fault{Commit: true, Answer: authserver.FloodBody}},
	{name: "provider: drips", provider: &authserver.Fault{Answer: authserver.Drip}},
	{name: "provider: slow", provider: &authserver.Fault{DelayAfter: authserver.Duration(6 * time.Second)}},
	{name: "vault: 503", vault: &keyvault.Fault{Kind: keyvault.Unavailable, Times: 6}},
	{name: "vault: 429", vault: &keyvault.Fault{Kind: keyvault.Throttled, RetryAfter: 2 * time.Second, Times: 4}},
	{name: "vault: resets", vault: &keyvault.Fault{Kind: keyvault.Reset, Times: 4}},
	{name: "vault: write done, answer lost", vault: &keyvault.Fault{Kind: keyvault.CommitThenCut, Operation: keyvault.OpWrites, Times: 2}},
	{name: "vault: read-only", vault: &keyvault.Fault{Kind: keyvault.ReadOnly, Times: 6}},
	{name: "vault: no role for a moment", vault: &keyvault.Fault{Kind: keyvault.Denied, Times: 3}},
	{name: "vault: 401 that passes", vault: &keyvault.Fault{Kind: keyvault.KeyUnresolved, Times: 2}},
	{name: "vault: stale read", vault: &keyvault.Fault{Kind: keyvault.Stale, Times: 2}},
	{name: "vault: slow", vault: &keyvault.Fault{Kind: keyvault.Delay, DelayBefore: 3 * time.Second, Times: 4}},
	{name: "Temporal: cut off for a moment", link: time.Second},
	{name: "Temporal: cut off for 8 s", link: 8 * time.Second},
}

// schedule draws the faults and the pauses between them.
type schedule struct {
	random *rand.Rand
	deck   []fault // each kind comes before any comes again
}

func newSchedule(seed uint64) *schedule {
	return &schedule{random: rand.New(rand.NewPCG(seed, seed))}
}

func (s *schedule) next() (fault, time.Duration) {
	if len(s.deck) == 0 {
		s.deck = append(s.deck, kinds...)
		s.random.Shuffle(len(s.deck), func(i, j int) { s.deck[i], s.deck[j] = s.deck[j], s.deck[i] })
	}
	f := s.deck[0]
	s.deck = s.deck[1:]
	return f, time.Second + time.Duration(s.random.Int64N(int64(2*time.Second)))
}
