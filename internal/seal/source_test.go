package seal_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tokenkeeper/internal/seal"
)

var errVaultDown = errors.New("vault: get TokenKeeperKeyset: unavailable")

// memory is a vault's secret with its versions, oldest first. Like Key Vault it
// has no create-only and no compare-and-swap: the last Put is the current one.
type memory struct {
	mu       sync.Mutex
	versions [][]byte
	reads    int
	down     bool
}

func (m *memory) Keysets(context.Context) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.down {
		return nil, errVaultDown
	}
	newestFirst := slices.Clone(m.versions)
	slices.Reverse(newestFirst)
	return newestFirst, nil
}

func (m *memory) Put(_ context.Context, keyset []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return errVaultDown
	}
	m.versions = append(m.versions, slices.Clone(keyset))
	return nil
}

func (m *memory) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memory) readCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

// onlyCurrent is the same secret with all but the current version disabled.
func (m *memory) onlyCurrent() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{versions: m.versions[len(m.versions)-1:]}
}

// slow puts a delay before and after every call, so that in a synctest bubble
// the delays alone decide how the calls of several workers interleave.
type slow struct {
	seal.Source
	delay func() time.Duration
}

func (s slow) Keysets(ctx context.Context) ([][]byte, error) {
	time.Sleep(s.delay())
	defer func() { time.Sleep(s.delay()) }()
	return s.Source.Keysets(ctx)
}

func (s slow) Put(ctx context.Context, keyset []byte) error {
	time.Sleep(s.delay())
	defer func() { time.Sleep(s.delay()) }()
	return s.Source.Put(ctx, keyset)
}
