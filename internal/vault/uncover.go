package vault

import (
	"context"
	"errors"

	"tokenkeeper/internal/token"
)

// uncover looks for what a proof, the write of a token that was there before, has covered.
// It puts a later generation back on top. A consent that was put there by hand is left to
// Load, which numbers it: without a number it would outrank a consent that comes meanwhile.
func (v *Vault) uncover(ctx context.Context, name string, t, before RefreshToken, written Properties) error {
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return err
	}
	o := newOrder(versions)
	consent, err := v.readCovered(ctx, name, o, t.Provenance, before.Version)
	if err != nil {
		return err
	}
	if consent.usable() {
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

// readCovered reads the latest consent that a proof covers, which lies on the given
// version. The zero value is none.
func (v *Vault) readCovered(ctx context.Context, name string, o order, proof token.Provenance, over string) (RefreshToken, error) {
	covered := o.covered(proof.Fingerprint, over)
	for _, hidden := range covered[:min(len(covered), maxReads)] {
		consent, err := v.read(ctx, name, hidden.Version)
		switch {
		case errors.Is(err, ErrMalformed), unreadable(err), err == nil && !o.maySucceed(consent, proof):
		case err != nil:
			return RefreshToken{}, err
		default:
			return consent, nil
		}
	}
	return RefreshToken{}, nil
}

// uncoverAccess puts back on top the latest access token that came after the one that was
// there before a proof.
func (v *Vault) uncoverAccess(ctx context.Context, name string, before Secret, written Properties) error {
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return err
	}
	latest := before.Properties
	for _, p := range versions {
		if p.Version != written.Version && p.Enabled && p.isLaterAccess(latest) {
			latest = p
		}
	}
	if latest.Version == before.Version {
		return nil
	}
	covered, err := v.secrets.Get(ctx, name, latest.Version)
	if err != nil {
		return err
	}
	if p, tagged := provenanceOf(covered.Properties); tagged && p.Fingerprint != covered.Value.Fingerprint() {
		return nil // its tags are another value's
	}
	_, _, err = v.set(ctx, name, covered.Value, covered.Properties)
	return err
}

// isLaterAccess reports whether an access token's version came after another. Where a
// refresh token does not rotate, its access tokens share a generation.
func (p Properties) isLaterAccess(than Properties) bool {
	a, aTagged := provenanceOf(p)
	b, bTagged := provenanceOf(than)
	switch {
	case !aTagged || !bTagged:
		return p.Created.After(than.Created)
	case a.Generation != b.Generation:
		return a.Generation > b.Generation
	default:
		return p.obtainedAt().After(than.obtainedAt())
	}
}
