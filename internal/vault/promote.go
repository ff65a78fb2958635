package vault

import (
	"context"
	"errors"

	"tokenkeeper/internal/token"
)

// PromoteSuccessor looks for a refresh token that takes a dead one's place: a later
// generation, or a consent that a late store wrote over. It makes sure that Load finds
// it and reports whether there is one. A disabled one is an error (ErrDisabled).
func (v *Vault) PromoteSuccessor(ctx context.Context, n Names, a token.Account, dead token.Provenance, run Run) (bool, error) {
	current, o, err := v.readOrdered(ctx, n.RefreshToken)
	if err != nil {
		return false, err
	}
	if current.usable() && current.Fingerprint != dead.Fingerprint && !current.tagged && !o.spent[current.Fingerprint] {
		return true, nil // nothing outranks a new consent, and Load finds it as it is
	}
	successor, err := v.readSuccessor(ctx, n.RefreshToken, o, dead)
	switch {
	case err != nil, !successor.usable():
		return false, err
	case current.usable() && current.Fingerprint == successor.Fingerprint:
		return true, nil
	}
	tags := withGeneration(successor, a, run)
	if !successor.tagged {
		// So that a consent that is written meanwhile is known to come after it.
		if err := v.tag(ctx, n.RefreshToken, successor.Version, tags); err != nil {
			return false, err
		}
	}
	if _, _, err := v.set(ctx, n.RefreshToken, successor.Value, Properties{Tags: tags}); err != nil {
		return false, err
	}
	// A faster writer's token may lie under the successor now.
	_, err = v.promoteNewest(ctx, n.RefreshToken, successor.Generation)
	return err == nil, err
}

// readSuccessor reads the best candidate for a dead token's place, and numbers one that
// has no generation.
func (v *Vault) readSuccessor(ctx context.Context, name string, o order, dead token.Provenance) (RefreshToken, error) {
	for _, candidate := range o.candidates(dead) {
		t, err := v.read(ctx, name, candidate.Version)
		switch {
		case errors.Is(err, ErrMalformed), err == nil && !o.maySucceed(t, dead):
			continue
		case err != nil:
			return RefreshToken{}, err
		}
		if !t.tagged {
			t.Generation = max(o.nextGeneration(AccessTokenInfo{}), dead.Generation+1)
		}
		return t, nil
	}
	return RefreshToken{}, nil
}

// promoted is what promoteNewest leaves on top.
type promoted struct {
	version string
	later   bool // it outranks the given generation: as a later one, or as a new consent
}

// promoteNewest puts a name's newest version on top again, where an older one covers it.
func (v *Vault) promoteNewest(ctx context.Context, name string, than token.Generation) (promoted, error) {
	for range maxRounds {
		current, o, err := v.readOrdered(ctx, name)
		if err != nil {
			return promoted{}, err
		}
		if current.usable() && !o.isStale(current) {
			return promoted{current.Version, !current.tagged || current.Generation > than}, nil
		}
		newest, err := v.readNewest(ctx, name, o)
		switch {
		case errors.Is(err, ErrDisabled):
			return promoted{current.Version, o.latest > than}, nil // the owner disabled it, and may enable it
		case err != nil:
			return promoted{}, err
		case !newest.usable(), newest.Fingerprint == current.Fingerprint:
			return promoted{current.Version, current.Generation > than}, nil
		}
		if _, _, err := v.set(ctx, name, newest.Value, Properties{Tags: newest.properties.Tags, Expires: newest.properties.Expires}); err != nil {
			return promoted{}, err
		}
	}
	return promoted{}, staleOnTop(name)
}

// readNewest reads the version that ranks first, passing over those whose tags describe
// another value. A disabled one is an error: what lies under it is spent.
func (v *Vault) readNewest(ctx context.Context, name string, o order) (RefreshToken, error) {
	for _, candidate := range o.ranked {
		t, err := v.read(ctx, name, candidate.Version)
		if errors.Is(err, ErrMalformed) || err == nil && !t.tagged {
			continue
		}
		return t, err
	}
	return RefreshToken{}, nil
}

// readOrdered reads the current version, and then all of them.
func (v *Vault) readOrdered(ctx context.Context, name string) (RefreshToken, order, error) {
	current, err := v.readCurrent(ctx, name)
	if err != nil {
		return RefreshToken{}, order{}, err
	}
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return RefreshToken{}, order{}, err
	}
	return current.relisted(versions), newOrder(versions), nil
}

// readCurrent reads the current version. Of a disabled one the listing shows the tags.
func (v *Vault) readCurrent(ctx context.Context, name string) (RefreshToken, error) {
	s, err := v.secrets.Get(ctx, name, "")
	switch {
	case err == nil:
		return refreshTokenOf(s), nil
	case absent(err):
		return RefreshToken{}, nil
	case !errors.Is(err, ErrDisabled):
		return RefreshToken{}, err
	}
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return RefreshToken{}, err
	}
	last, _ := newOrder(versions).lastDisabled()
	if !last.tagged {
		return RefreshToken{Version: last.Version}, nil
	}
	return RefreshToken{Provenance: last.Provenance, Version: last.Version, tagged: true}, nil
}
