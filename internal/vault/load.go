package vault

import (
	"context"
	"errors"
)

// Load finds the refresh token to spend, which is the current version unless a
// newer generation lies under it, and what the access token says of itself.
// Errors are [*Error]s; those that only a person can mend say how.
func (v *Vault) Load(ctx context.Context, n Names) (Held, AccessHeld, error) {
	for range maxRounds {
		held, access, settled, err := v.loadOnce(ctx, n)
		if err != nil || settled {
			return held, access, err
		}
	}
	return Held{}, AccessHeld{}, &Error{Op: "get", Name: n.RefreshToken, Kind: ErrUnavailable, Detail: "other writers change it as fast as it is read"}
}

// loadOnce is settled unless the refresh token changed while the versions were
// listed: a consent must not be numbered by a list that lacks what came before
// it, nor by one that has what came after.
func (v *Vault) loadOnce(ctx context.Context, n Names) (held Held, access AccessHeld, settled bool, err error) {
	first, err := v.current(ctx, n.RefreshToken)
	if err != nil {
		return Held{}, AccessHeld{}, false, err
	}
	access, err = v.access(ctx, n)
	if err != nil {
		return Held{}, AccessHeld{}, false, err
	}
	if !suspicious(first, access) {
		return first, access, true, nil
	}
	versions, err := v.secrets.Versions(ctx, n.RefreshToken)
	if err != nil {
		return Held{}, AccessHeld{}, false, err
	}
	current, err := v.current(ctx, n.RefreshToken)
	if err != nil || current.Version != first.Version {
		return Held{}, AccessHeld{}, false, err
	}
	if overtaken(current, versions) {
		newest, found, err := v.newest(ctx, n.RefreshToken, versions)
		if err != nil || found {
			return newest, access, true, err
		}
	}
	if !current.tagged {
		current.Generation = nextGeneration(access, versions)
	}
	return current, access, true, nil
}

// newest reads the version of the highest generation, passing over those whose
// tags belong to another value. One that is disabled is an error, and not
// absent: what lies under it is spent.
func (v *Vault) newest(ctx context.Context, name string, versions []Properties) (h Held, found bool, err error) {
	for _, p := range newestFirst(versions) {
		h, err := v.read(ctx, name, p.Version)
		if errors.Is(err, ErrMalformed) || err == nil && !h.tagged {
			continue
		}
		return h, err == nil, err
	}
	return Held{}, false, nil
}
