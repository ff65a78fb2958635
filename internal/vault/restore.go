package vault

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"tokenkeeper/internal/token"
)

// restore puts the newest generation of a name on top again, where something
// older covers it. It returns the version that is current in the end and whether
// that outranks a generation: as a later one, or as a person's consent.
func (v *Vault) restore(ctx context.Context, name string, than token.Generation) (version string, outranks bool, err error) {
	for range maxRounds {
		current, version, exists, err := v.look(ctx, name)
		if err != nil {
			return "", false, err
		}
		versions, err := v.secrets.Versions(ctx, name)
		if err != nil {
			return "", false, err
		}
		current = current.asListed(versions)
		if exists && !overtaken(current, versions) {
			return version, !current.tagged || current.Generation > than, nil
		}
		newest, found, err := v.newest(ctx, name, versions)
		switch {
		case errors.Is(err, ErrDisabled):
			return version, laterThan(than, versions), nil // a person's doing, and theirs to undo
		case err != nil:
			return "", false, err
		case !found, newest.Fingerprint == current.Fingerprint:
			return version, current.Generation > than, nil
		}
		if _, _, err := v.set(ctx, name, newest.Value, Properties{Tags: newest.properties.Tags, Expires: newest.properties.Expires}); err != nil {
			return "", false, err
		}
	}
	return "", false, &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "other writers keep putting older tokens on top"}
}

// look reads what the current version says of itself. A disabled one cannot be
// read, but the listing still shows its tags. exists is false also for a version
// that says nothing: a value that can be no token is nobody's consent.
func (v *Vault) look(ctx context.Context, name string) (h RefreshToken, version string, exists bool, err error) {
	s, err := v.secrets.Get(ctx, name, "")
	switch {
	case err == nil:
		h = heldFrom(s)
		return h, h.Version, h.usable(), nil
	case errors.Is(err, ErrDisabled):
		versions, err := v.secrets.Versions(ctx, name)
		disabled := slices.DeleteFunc(versions, func(p Properties) bool { return p.Enabled })
		if err != nil || len(disabled) == 0 {
			return RefreshToken{}, "", false, err
		}
		p := slices.MaxFunc(disabled, latest)
		h.Provenance, h.tagged = provenanceOf(p.Tags)
		return h, p.Version, h.tagged, nil
	case absent(err):
		return RefreshToken{}, "", false, nil
	default:
		return RefreshToken{}, "", false, err
	}
}

// latest orders versions by the vault's clock, whose resolution is a second,
// and within a second by generation.
func latest(a, b Properties) int {
	pa, _ := provenanceOf(a.Tags)
	pb, _ := provenanceOf(b.Tags)
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(pa.Generation, pb.Generation))
}
