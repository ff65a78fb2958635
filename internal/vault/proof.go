package vault

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	turnTime  = 3 * time.Second  // the longest wait for another one's proof
	proofTime = 20 * time.Second // the longest read and write of a proof, which others wait for
)

// proofs remember which kinds of new versions the vault takes. A change of tags proves
// nothing for them: Azure Policy denies new versions alone, and a role may lack setSecret.
type proofs struct {
	mu      sync.Mutex
	proven  map[kind]bool   // one was taken, and no other name's refused since
	refused map[string]bool // names whose last new version was refused
	turn    chan struct{}   // one at a time proves, so that a fleet's start writes one version more
	count   func()          // is called before each version
}

// kind is what a policy may ask of a new version.
type kind struct{ contentType, expires bool }

func kindOf(p Properties) kind { return kind{p.ContentType != "", !p.Expires.IsZero()} }

func newProofs() *proofs {
	return &proofs{proven: map[kind]bool{}, refused: map[string]bool{}, turn: make(chan struct{}, 1), count: func() {}}
}

// record takes in the outcome of writing a version. A refusal of a name that was refused
// before says nothing new about the others. An outage, a read-only vault and too many
// calls are no refusals: they pass, and a change of tags meets the first two as well.
func (p *proofs) record(name string, k kind, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.proven[k] = true
		delete(p.refused, name)
	case !errors.Is(err, ErrDenied) && !errors.Is(err, ErrRejected):
	case !p.refused[name]:
		clear(p.proven)
		p.refused[name] = true
	}
}

func (p *proofs) isRefused(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused[name]
}

func (p *proofs) isProven(k kind) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.proven[k]
}

// turn is how an intent is recorded.
type turn struct {
	proves  bool   // by a new version
	waited  bool   // for another one's proof
	release func() // lets the next one prove; may be repeated
}

// take returns the turn of a name whose new version is of the given kind. One that was
// refused proves for itself alone and keeps none of the others waiting.
func (p *proofs) take(ctx context.Context, name string, k kind) (turn, error) {
	none := func() {}
	switch {
	case p.isRefused(name):
		return turn{proves: true, release: none}, nil
	case p.isProven(k):
		return turn{release: none}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return turn{}, &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "another load is proving that the vault takes new versions"}
	}
	release := sync.OnceFunc(func() { <-p.turn })
	if p.isProven(k) { // by the one that had the turn
		release()
		return turn{waited: true, release: none}, nil
	}
	return turn{proves: true, waited: true, release: release}, nil
}

// prove writes a refresh token on top with the given tags, as the store of its successor
// will write that, and then releases the turn. It fails where the write covered something
// newer, which the next load finds.
func (v *Vault) prove(ctx context.Context, name string, t RefreshToken, tags map[string]string, release func()) error {
	before, written, err := v.writeProof(ctx, name, t, tags)
	release()
	if err != nil {
		return err
	}
	return v.uncover(ctx, name, t, before, written)
}

// writeProof writes the version of a proof. Its tags state which version it lies on, so
// that Load finds a consent that came between the read and the write, which are seconds
// apart, also where this process ends before uncover. One from the very second of that
// version stays covered until PromoteSuccessor looks for it.
func (v *Vault) writeProof(ctx context.Context, name string, t RefreshToken, tags map[string]string) (before RefreshToken, written Properties, err error) {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	before, err = v.readUnchanged(ctx, name, t)
	if err != nil {
		return RefreshToken{}, Properties{}, err
	}
	p := t.properties.over(before.properties)
	p.Expires = p.ownersExpiry(t.properties.Created, time.Now())
	p.Tags = tags
	p.Tags[tagStartedAt] = strings.Join([]string{tags[tagStartedAt], before.Version}, proofOver)
	v.proofs.count()
	written, recovered, err := v.set(ctx, name, t.Value, p)
	if err == nil && recovered {
		err = changedMeanwhile(name)
	}
	return before, written, err
}

// readUnchanged reads the current version again. It fails where that, or the tags of the
// token that Load chose, changed since: another run may have recorded its intent.
func (v *Vault) readUnchanged(ctx context.Context, name string, t RefreshToken) (RefreshToken, error) {
	current, err := v.readCurrent(ctx, name)
	if err != nil {
		return RefreshToken{}, err
	}
	again := current
	if t.Version != t.top && current.Version == t.top {
		if again, err = v.read(ctx, name, t.Version); err != nil {
			return RefreshToken{}, err
		}
	}
	if current.Version != t.top || !maps.Equal(again.properties.Tags, t.properties.Tags) {
		return RefreshToken{}, changedMeanwhile(name)
	}
	return current, nil
}

// proveAccess writes the access token again, where its last new version was refused, for
// its account alone. Where there is none, and where it has expired, only the next store can
// show it: a policy may refuse a date that has passed, and a later one would be untrue.
func (v *Vault) proveAccess(ctx context.Context, name string) error {
	if !v.proofs.isRefused(name) {
		return nil
	}
	current, err := v.secrets.Get(ctx, name, "")
	switch {
	case unreadable(err):
		return nil
	case err != nil:
		return err
	}
	if !current.Expires.IsZero() && !current.Expires.After(time.Now()) {
		return nil
	}
	v.proofs.count()
	written, _, err := v.set(ctx, name, current.Value, current.Properties)
	if err != nil {
		return err
	}
	return v.uncoverAccess(ctx, name, current, written)
}

func changedMeanwhile(name string) error {
	return &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "another writer changed it meanwhile, and it must be read again"}
}
