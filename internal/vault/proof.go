package vault

import (
	"context"
	"errors"
	"maps"
	"sync"
)

// proofs remember whether the vault takes new versions. A change of tags proves nothing
// for them: Azure Policy denies new versions alone, a role may lack setSecret, and the
// quota for creations is its own.
type proofs struct {
	mu      sync.Mutex
	proven  bool            // a new version was taken, and none refused since
	refused map[string]bool // names whose last new version was refused
	turn    chan struct{}   // one at a time proves, so that a fleet's start writes one version more
}

func newProofs() *proofs {
	return &proofs{refused: map[string]bool{}, turn: make(chan struct{}, 1)}
}

// record takes in the outcome of writing a version. An outage says nothing: it is no
// refusal, and reading tells whether it goes on.
func (p *proofs) record(name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.proven = true
		delete(p.refused, name)
		return
	}
	for _, refusal := range []error{ErrDenied, ErrRejected, ErrThrottled, ErrReadOnly} {
		if errors.Is(err, refusal) {
			p.proven = false
			p.refused[name] = true
		}
	}
}

// needed returns which of an account's two tokens must be written to prove that the
// vault takes it. The refresh token stands for all until something is refused.
func (p *proofs) needed(n Names) (refresh, access bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	access = p.refused[n.AccessToken]
	return !p.proven || access || p.refused[n.RefreshToken], access
}

// wait waits for the turn to prove. Its release must be called.
func (p *proofs) wait(ctx context.Context, name string) (release func(), err error) {
	select {
	case p.turn <- struct{}{}:
		return func() { <-p.turn }, nil
	case <-ctx.Done():
		return nil, &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "given up while another write proves that the vault takes new versions"}
	}
}

// prove writes a refresh token again with the given tags, as the store of its successor
// will write that. It fails where anything came since the token was loaded, which must
// then be loaded again; what the write covered is put back on top. What another program
// writes within the milliseconds between the read and the write, and within one second of
// the version before, stays covered until PromoteSuccessor looks for it.
func (v *Vault) prove(ctx context.Context, n Names, t RefreshToken, tags map[string]string) error {
	current, err := v.readCurrent(ctx, n.RefreshToken)
	if err != nil {
		return err
	}
	if current.Version != t.top {
		return changedMeanwhile(n.RefreshToken)
	}
	p := t.properties.over(current.properties)
	p.Tags = tags
	written, recovered, err := v.set(ctx, n.RefreshToken, t.Value, p)
	switch {
	case err != nil:
		return err
	case recovered:
		return changedMeanwhile(n.RefreshToken)
	}
	return v.uncover(ctx, n.RefreshToken, t, current, written)
}

// uncover puts back on top what the write of a token that was there before has covered:
// a later generation, or a consent that was put there by hand.
func (v *Vault) uncover(ctx context.Context, name string, t, before RefreshToken, written Properties) error {
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return err
	}
	o := newOrder(versions)
	for _, hidden := range o.covered(written.Version, before.properties.Created) {
		consent, err := v.read(ctx, name, hidden.Version)
		switch {
		case errors.Is(err, ErrMalformed), err == nil && !o.maySucceed(consent, t.Provenance):
			continue
		case err != nil:
			return err
		}
		p := consent.properties
		p.Tags = maps.Clone(p.Tags)
		delete(p.Tags, tagFollows) // it follows the token that covered it as well
		if _, _, err := v.set(ctx, name, consent.Value, p); err != nil {
			return err
		}
		return changedMeanwhile(name)
	}
	t.tagged = true // by the version that was written
	if !o.isStale(t) {
		return nil
	}
	newest, err := v.promoteNewest(ctx, name, t.Generation)
	if err == nil && newest.version != written.Version {
		err = changedMeanwhile(name)
	}
	return err
}

// proveAccess writes the access token again, whose last new version was refused. Where
// there is none, only the next store can tell.
func (v *Vault) proveAccess(ctx context.Context, n Names) error {
	current, err := v.secrets.Get(ctx, n.AccessToken, "")
	switch {
	case unreadable(err):
		return nil
	case err != nil:
		return err
	}
	if _, _, err := v.set(ctx, n.AccessToken, current.Value, current.Properties); err != nil {
		return err
	}
	_, err = v.promoteNewest(ctx, n.AccessToken, accessTokenOf(current).Generation)
	return err
}

func changedMeanwhile(name string) error {
	return &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "another writer changed it meanwhile, and it must be read again"}
}
