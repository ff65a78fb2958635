package seal_test

import (
	"context"
	"errors"
	"fmt"
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
	versions []seal.Version
	reads    int
	down     bool
}

// by returns a vault in which versions were put by hand, oldest first.
func by(keysets ...[]byte) *memory {
	m := &memory{}
	for _, keyset := range keysets {
		m.put(keyset, "", 0)
	}
	return m
}

func (m *memory) Keysets(context.Context) ([]seal.Version, error) {
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

func (m *memory) Put(_ context.Context, keyset []byte, step seal.Step, key seal.KeyID) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return "", errVaultDown
	}
	return m.put(keyset, step, key), nil
}

func (m *memory) put(keyset []byte, step seal.Step, key seal.KeyID) string {
	v := seal.Version{ID: fmt.Sprintf("v%d", len(m.versions)+1), Keyset: slices.Clone(keyset), Enabled: true,
		Created: time.Now().Truncate(time.Second), Step: step, Key: key}
	m.versions = append(m.versions, v)
	return v.ID
}

func (m *memory) Disable(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, v := range m.versions {
		if v.ID == id {
			m.versions[i].Enabled, m.versions[i].Keyset = false, nil
		}
	}
	return nil
}

// keyset is a version's value, counted from the oldest.
func (m *memory) keyset(i int) []byte { return m.versions[i].Keyset }

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
	return &memory{versions: slices.Clone(m.versions[len(m.versions)-1:])}
}

// slow puts a delay before and after every call, so that in a synctest bubble
// the delays alone decide how the calls of several workers interleave.
type slow struct {
	seal.Source
	delay func() time.Duration
}

func (s slow) Keysets(ctx context.Context) ([]seal.Version, error) {
	time.Sleep(s.delay())
	defer func() { time.Sleep(s.delay()) }()
	return s.Source.Keysets(ctx)
}

func (s slow) Put(ctx context.Context, keyset []byte, step seal.Step, key seal.KeyID) (string, error) {
	time.Sleep(s.delay())
	defer func() { time.Sleep(s.delay()) }()
	return s.Source.Put(ctx, keyset, step, key)
}
