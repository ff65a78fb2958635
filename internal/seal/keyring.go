// Package seal encrypts the secrets that leave an activity, so that a workflow's
// history never holds one in the clear.
//
// A [Keyring] seals with AES-256-GCM under keysets in Tink's JSON form, the versions of
// the vault's secret [SecretName]. An envelope opens only under the [Binding] it was
// sealed for.
//
// Key Vault has neither create-only nor compare-and-swap, and never deletes a single
// version. So the keyring opens with the keys of all versions and seals only with a key
// that a version holds: what any worker sealed stays openable, in whatever order keysets
// were overwritten, as long as their versions stay enabled.
//
// A version is believed only where its primary key is known from another one; see evaluate.
// A rotation ([Keyring.AddKey], then [Keyring.Promote]) adds a key before it seals with
// it, and every writer reads again after its write and unites what others wrote.
package seal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"tokenkeeper/internal/token"
)

// SecretName is the name of the secret in the vault that holds the keyset.
const SecretName = "TokenKeeperKeyset"

// Why sealing or opening fails. ErrNoKeyset, ErrCorrupt and ErrUnknownKey come
// from the state of the vault and end when it is mended; ErrTampered is final.
var (
	ErrNoKeyset   = errors.New("the vault has no " + SecretName + "; start a worker, which makes one, or make it with: starter keys init; recover the secret if it was deleted")
	ErrCorrupt    = errors.New("no version of " + SecretName + " is a keyset of AES-256-GCM keys in Tink's JSON form; enable an intact older version, or set its value again")
	ErrUnknownKey = errors.New("no enabled version of " + SecretName + " holds this key; enable all of its versions, or recover the secret if it was deleted")
	// ErrChanged: nothing is sealed, and so nothing spent, with a stranger's key.
	ErrChanged  = errors.New("no other version that is trusted holds that key, so that nothing is sealed with it; if it is a stranger's, disable that version or run: starter keys rotate; if the keyset was replaced on purpose, start the workers again")
	ErrTampered = errors.New("the envelope does not open with its key from " + SecretName + ": it was altered, cut short, or sealed for another account, token or secret's name; take it from the run that made it")
)

const (
	// CacheLife is how old the keyring's copy of the keyset may be for [Keyring.Ready].
	// A worker that has nothing to do reads it as often.
	CacheLife = time.Minute
	// RotationPause is the least time between [Keyring.AddKey] and [Keyring.Promote]:
	// by then every worker that reaches the vault has read the new key. One that does not
	// reach it reads the keyset when it meets the key, before it opens anything with it.
	RotationPause = CacheLife + 15*time.Second
	// ReloadPause is how long, after a reload that lacked an envelope's key, unknown
	// keys are refused without another.
	ReloadPause = 5 * time.Second
)

// Source holds the keysets: the versions of one secret.
type Source interface {
	// Keysets returns every version, the current one first and the others from new to
	// old; none when the secret was never written.
	Keysets(ctx context.Context) ([]Version, error)
	// Put writes a version for a step about a key (zero for none), which becomes the
	// current one, and returns its id.
	Put(ctx context.Context, keyset []byte, step Step, key KeyID) (id string, err error)
	// Disable keeps one version from being read; an owner can enable it again.
	Disable(ctx context.Context, id string) error
}

// Keyring seals and opens with the vault's keyset, of which it keeps a copy in
// memory. It is safe for concurrent use.
type Keyring struct {
	source  Source
	cached  atomic.Pointer[primitives]
	reading chan struct{} // admits one reader of the source; a channel obeys a context
	missed  time.Time     // when a reload last lacked a wanted key; guarded by reading
	memory  keys          // what was trusted at the last reading; guarded by reading
}

// New returns a keyring that reads its keyset when it is first needed.
func New(source Source) *Keyring {
	return &Keyring{source: source, reading: make(chan struct{}, 1)}
}

// Ready proves that the keyset is in the vault and opens, as of at most [CacheLife] ago.
// It comes before a refresh token is spent: a pair that cannot be sealed, or not be
// opened later, is lost. Errors wrap [ErrChanged], [ErrNoKeyset], [ErrCorrupt], or the
// source's.
func (k *Keyring) Ready(ctx context.Context) error {
	p, err := k.current(ctx, func(p *primitives) bool { return p.view.elsewhere == nil && time.Since(p.readAt) < CacheLife })
	if err == nil {
		err = p.view.changed()
	}
	return wrap("check the keyset", err)
}

// Seal encrypts with the primary key. Once the keyring has read a keyset, Seal never
// reads the vault again: the pair to be sealed exists nowhere else yet.
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
// [ErrUnknownKey], [ErrChanged], [ErrNoKeyset], [ErrCorrupt], or the source's.
func (k *Keyring) Open(ctx context.Context, b Binding, envelope token.Sealed) ([]byte, error) {
	id, ok := KeyOf(envelope)
	if !ok {
		return nil, fmt.Errorf("seal: open %s: %w", b, ErrTampered)
	}
	p, err := k.keysWith(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("seal: open %s with key %d: %w", b, id, err)
	}
	plaintext, err := p.byID[id].Decrypt(envelope, b.associatedData())
	if err != nil {
		return nil, fmt.Errorf("seal: open %s with key %d: %w", b, id, ErrTampered)
	}
	return plaintext, nil
}

// current returns the cached keys where they are fresh, and reads otherwise.
func (k *Keyring) current(ctx context.Context, isFresh func(*primitives) bool) (*primitives, error) {
	if p := k.cached.Load(); p != nil && isFresh(p) {
		return p, nil
	}
	if err := k.lock(ctx); err != nil {
		return nil, err
	}
	defer k.unlock()
	if p := k.cached.Load(); p != nil && isFresh(p) {
		return p, nil // read by another caller meanwhile
	}
	_, err := k.readLocked(ctx)
	return k.cached.Load(), err
}

// keysWith returns keys that include the wanted one. It fails with ErrUnknownKey, or with
// ErrChanged where only a version that does not count holds the key.
func (k *Keyring) keysWith(ctx context.Context, id KeyID) (*primitives, error) {
	if p := k.cached.Load(); p.has(id) {
		return p, nil
	}
	if err := k.lock(ctx); err != nil {
		return nil, err
	}
	defer k.unlock()
	if p := k.cached.Load(); p.has(id) {
		return p, nil // read by another caller meanwhile
	}
	if time.Since(k.missed) < ReloadPause {
		return nil, k.cached.Load().lacks(id)
	}
	if _, err := k.readLocked(ctx); err != nil {
		return nil, err
	}
	p := k.cached.Load()
	if !p.has(id) {
		k.missed = time.Now()
		return nil, p.lacks(id)
	}
	return p, nil
}

// read replaces the cache by the source's content and returns what it says. A failure
// leaves the cache as it was, so that pairs in flight can still be sealed and opened.
func (k *Keyring) read(ctx context.Context) (view, error) {
	if err := k.lock(ctx); err != nil {
		return view{}, err
	}
	defer k.unlock()
	return k.readLocked(ctx)
}

func (k *Keyring) readLocked(ctx context.Context) (view, error) {
	read, err := k.source.Keysets(ctx)
	if err != nil {
		return view{}, fmt.Errorf("read %s: %w", SecretName, err)
	}
	v, err := evaluate(read, k.memory)
	if err != nil {
		return view{}, err
	}
	p, err := newPrimitives(v)
	if err != nil {
		return view{}, fmt.Errorf("use %s: %w", SecretName, err)
	}
	k.memory = v.opening()
	k.cached.Store(p)
	return v, nil
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

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("seal: %s: %w", doing, err)
}
