package vault

import (
	"context"

	"tokenkeeper/internal/token"
)

// Advance looks for a refresh token that outranks a dead one: a later
// generation, or a consent that was put there by hand and buried under a late
// write. It makes sure that Load will find it and reports whether there is one.
func (v *Vault) Advance(ctx context.Context, n Names, a token.Account, dead token.Provenance, run Run) (bool, error) {
	versions, err := v.secrets.Versions(ctx, n.RefreshToken)
	if err != nil {
		return false, err
	}
	newer, err := v.newer(ctx, n, versions, dead)
	if err != nil || newer.Value.Empty() {
		return false, err
	}
	current, err := v.current(ctx, n.RefreshToken)
	if err != nil {
		return false, err
	}
	if current.Fingerprint == newer.Fingerprint {
		return true, nil
	}
	_, err = v.secrets.Set(ctx, n.RefreshToken, newer.Value, Properties{
		Tags: tagsOf(a, newer.Provenance, newer.UserID, newer.ObtainedAt, run),
	})
	return err == nil, err
}

// newer reads the version that outranks the dead token; empty where none does.
func (v *Vault) newer(ctx context.Context, n Names, versions []Properties, dead token.Provenance) (Held, error) {
	if newest, known := newestOf(versions); known {
		if p, _ := provenanceOf(newest.Tags); p.Generation > dead.Generation {
			return v.read(ctx, n.RefreshToken, newest.Version)
		}
	}
	for _, p := range buried(versions, dead) {
		h, err := v.read(ctx, n.RefreshToken, p.Version)
		if err != nil {
			return Held{}, err
		}
		if !known(h.Fingerprint, versions) && !spent(h.Fingerprint, versions) {
			h.Generation = dead.Generation + 1
			return h, nil
		}
	}
	return Held{}, nil
}
