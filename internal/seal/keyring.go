package seal

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"tokenkeeper/internal/token"
)

const (
	// CacheLife is how old the keyring's copy of the keyset may be for [Keyring.Ready].
	// Between [Keyring.AddKey] and [Keyring.Promote] a person waits at least this long.
	CacheLife = time.Minute
	// ReloadPause is how long, after a reload that did not bring the key of an
	// envelope, further unknown keys are refused without asking the vault.
	ReloadPause = 5 * time.Second
)

// Keyring seals and opens with the vault's keyset, of which it keeps a copy in
// memory. It is safe for concurrent use.
type Keyring struct {
	source Source
	cached atomic.Pointer[primitives]
	// reading lets one read at a time ask the source. It is a channel so that
	// waiting for it obeys the context.
	reading chan struct{}
	missed  time.Time // when a reload last did not bring a wanted key; held by reading
}

// New makes a keyring that reads its keyset when it is first needed.
func New(source Source) *Keyring {
	return &Keyring{source: source, reading: make(chan struct{}, 1)}
}

// Ready proves that the keyset is in the vault and opens, as of at most
// [CacheLife] ago. Whoever is about to spend a refresh token calls it first: a
// pair that cannot be sealed, or not be opened later, is lost.
func (k *Keyring) Ready(ctx context.Context) error {
	_, err := k.current(ctx, func(p *primitives) bool { return time.Since(p.readAt) < CacheLife })
	return prefixed("check the keyset", err)
}

// Seal encrypts with the primary key. Once the keyring has read a keyset, Seal
// never asks the vault again: a pair that waits to be sealed is held by nobody else.
func (k *Keyring) Seal(ctx context.Context, b Binding, plaintext []byte) (token.Sealed, error) {
	p, err := k.current(ctx, func(*primitives) bool { return true })
	if err != nil {
		return nil, fmt.Errorf("seal: seal %s: %w", b, err)
	}
	sealed, err := p.primary.Encrypt(plaintext, b.associatedData())
	if err != nil {
		return nil, fmt.Errorf("seal: seal %s of %d bytes: %w", b, len(plaintext), err)
	}
	return sealed, nil
}

// Open decrypts what was sealed under the same binding. An envelope with an
// unknown key makes it read the vault once more. Errors wrap [ErrTampered],
// [ErrUnknownKey], [ErrNoKeyset], [ErrCorrupt], or the source's.
func (k *Keyring) Open(ctx context.Context, b Binding, envelope token.Sealed) ([]byte, error) {
	id, ok := keyOf(envelope)
	if !ok {
		return nil, fmt.Errorf("seal: open %s: %w", b, ErrTampered)
	}
	p, err := k.holding(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("seal: open %s with key %d: %w", b, id, err)
	}
	plaintext, err := p.byID[id].Decrypt(envelope, b.associatedData())
	if err != nil {
		return nil, fmt.Errorf("seal: open %s with key %d: %w", b, id, ErrTampered)
	}
	return plaintext, nil
}

// current returns the cached keys if they are good enough, and reads otherwise.
func (k *Keyring) current(ctx context.Context, enough func(*primitives) bool) (*primitives, error) {
	if p := k.cached.Load(); p != nil && enough(p) {
		return p, nil
	}
	if err := k.lock(ctx); err != nil {
		return nil, err
	}
	defer k.unlock()
	if p := k.cached.Load(); p != nil && enough(p) {
		return p, nil // another caller has read meanwhile
	}
	if _, err := k.readLocked(ctx); err != nil {
		return nil, err
	}
	return k.cached.Load(), nil
}

// holding returns keys among which is the wanted one, or ErrUnknownKey.
func (k *Keyring) holding(ctx context.Context, id KeyID) (*primitives, error) {
	if p := k.cached.Load(); p.has(id) {
		return p, nil
	}
	if err := k.lock(ctx); err != nil {
		return nil, err
	}
	defer k.unlock()
	if p := k.cached.Load(); p.has(id) {
		return p, nil // another caller's read brought it
	}
	if time.Since(k.missed) < ReloadPause {
		return nil, ErrUnknownKey
	}
	if _, err := k.readLocked(ctx); err != nil {
		return nil, err
	}
	p := k.cached.Load()
	if !p.has(id) {
		k.missed = time.Now()
		return nil, ErrUnknownKey
	}
	return p, nil
}

// read replaces the cache by what the source holds now and returns its usable
// versions, the current one first. A failure leaves the cache as it was, so
// that pairs on their way can still be sealed and opened.
func (k *Keyring) read(ctx context.Context) ([]keys, error) {
	if err := k.lock(ctx); err != nil {
		return nil, err
	}
	defer k.unlock()
	return k.readLocked(ctx)
}

func (k *Keyring) readLocked(ctx context.Context) ([]keys, error) {
	raw, err := k.source.Keysets(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", SecretName, err)
	}
	versions, err := parseAll(raw)
	if err != nil {
		return nil, err
	}
	p, err := newPrimitives(union(versions))
	if err != nil {
		return nil, fmt.Errorf("use %s: %w", SecretName, err)
	}
	k.cached.Store(p)
	return versions, nil
}

func (k *Keyring) lock(ctx context.Context) error {
	select {
	case k.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", SecretName, context.Cause(ctx))
	}
}

func (k *Keyring) unlock() { <-k.reading }
