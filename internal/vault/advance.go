package vault

import (
	"context"
	"errors"

	"tokenkeeper/internal/token"
)

// PromoteSuccessor looks for a refresh token that takes the place of a dead one: a later
// generation, or a consent that was put there by hand and buried under a late
// write. It makes sure that Load will find it and reports whether there is one.
// A version that would do but is disabled is an error (ErrDisabled).
func (v *Vault) PromoteSuccessor(ctx context.Context, n Names, a token.Account, dead token.Provenance, run Run) (bool, error) {
	current, _, exists, err := v.look(ctx, n.RefreshToken)
	if err != nil {
		return false, err
	}
	versions, err := v.secrets.Versions(ctx, n.RefreshToken)
	if err != nil {
		return false, err
	}
	current = current.asListed(versions)
	if exists && current.Fingerprint != dead.Fingerprint && consents(current, versions) {
		return true, nil // nothing outranks a person, and Load sees it without help
	}
	heir, found, err := v.heir(ctx, n.RefreshToken, versions, dead)
	if err != nil || !found {
		return false, err
	}
	if exists && current.Fingerprint == heir.Fingerprint {
		return true, nil
	}
	tags := numbered(heir, a, run)
	if !heir.tagged {
		// So that what a person puts there meanwhile is known to come after it.
		if err := v.tag(ctx, n.RefreshToken, heir.Version, tags); err != nil {
			return false, err
		}
	}
	if _, _, err := v.set(ctx, n.RefreshToken, heir.Value, Properties{Tags: tags}); err != nil {
		return false, err
	}
	// Another writer may have been faster, and the heir lies on top of its token.
	_, _, err = v.restore(ctx, n.RefreshToken, heir.Generation)
	return err == nil, err
}

// heir reads the version that takes the dead token's place. One that was never
// numbered gets a generation that outranks it.
func (v *Vault) heir(ctx context.Context, name string, versions []Properties, dead token.Provenance) (h RefreshToken, found bool, err error) {
	for _, p := range heirs(dead, versions) {
		h, err := v.read(ctx, name, p.Version)
		switch {
		case errors.Is(err, ErrMalformed):
			continue
		case err != nil:
			return RefreshToken{}, false, err
		case h.Fingerprint == dead.Fingerprint, spent(h.Fingerprint, versions):
			continue
		case !h.tagged && known(h.Fingerprint, versions):
			continue // a copy of a token that has its place already
		}
		if !h.tagged {
			h.Generation = max(nextGeneration(AccessTokenInfo{}, versions), dead.Generation+1)
		}
		return h, true, nil
	}
	return RefreshToken{}, false, nil
}

// consents reports whether a person put this token there for us to use: it is
// none of ours, and nothing says that it is spent.
func consents(h RefreshToken, versions []Properties) bool {
	return !h.tagged && !spent(h.Fingerprint, versions)
}

// known reports whether some version's tags name this token as its own.
func known(f token.Fingerprint, versions []Properties) bool {
	_, known := firstWritten(versions)[f]
	return known
}
