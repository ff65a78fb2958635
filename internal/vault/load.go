package vault

import (
	"context"
	"errors"
	"fmt"
)

// Load finds the refresh token to spend, which is the current version unless a
// newer generation lies under it, and what the access token says of itself.
// A token that another provider issued is never handed out: what was moved to
// another provider is not for whoever still keeps the old one.
// Errors are [*Error]s; those that only a person can mend say how.
func (v *Vault) Load(ctx context.Context, n Names) (RefreshToken, AccessTokenInfo, error) {
	for range maxRounds {
		held, access, settled, err := v.loadOnce(ctx, n)
		if err == nil && settled && held.foreign(n) {
			return RefreshToken{}, AccessTokenInfo{}, foreign(n, held)
		}
		if err != nil || settled {
			return held, access, err
		}
	}
	return RefreshToken{}, AccessTokenInfo{}, &Error{Op: "get", Name: n.RefreshToken, Kind: ErrUnavailable, Detail: "other writers change it as fast as it is read"}
}

// loadOnce is settled unless the refresh token changed while the versions were
// listed: a consent must not be numbered by a list that lacks what came before
// it, nor by one that has what came after.
func (v *Vault) loadOnce(ctx context.Context, n Names) (held RefreshToken, access AccessTokenInfo, settled bool, err error) {
	first, err := v.current(ctx, n.RefreshToken)
	if err != nil {
		return RefreshToken{}, AccessTokenInfo{}, false, err
	}
	access, err = v.access(ctx, n)
	if err != nil {
		return RefreshToken{}, AccessTokenInfo{}, false, err
	}
	if !suspicious(first, access) && !first.foreign(n) {
		return first, access, true, nil
	}
	versions, err := v.secrets.Versions(ctx, n.RefreshToken)
	if err != nil {
		return RefreshToken{}, AccessTokenInfo{}, false, err
	}
	current, err := v.current(ctx, n.RefreshToken)
	if err != nil || current.Version != first.Version {
		return RefreshToken{}, AccessTokenInfo{}, false, err
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
func (v *Vault) newest(ctx context.Context, name string, versions []Properties) (h RefreshToken, found bool, err error) {
	for _, p := range newestFirst(versions) {
		h, err := v.read(ctx, name, p.Version)
		if errors.Is(err, ErrMalformed) || err == nil && !h.tagged {
			continue
		}
		return h, err == nil, err
	}
	return RefreshToken{}, false, nil
}

// foreign reports whether the token is another provider's than the names are for.
func (h RefreshToken) foreign(n Names) bool {
	return h.Provider != "" && n.Provider != "" && h.Provider != n.Provider
}

func foreign(n Names, held RefreshToken) error {
	return &Error{Op: "read", Name: n.RefreshToken, Kind: ErrOtherProvider,
		Detail: fmt.Sprintf("generation %d there is of %s, and this is for %s", held.Generation, held.Provider, n.Provider),
		Fix:    fmt.Sprintf("if the account has moved to %s, end the workflow that refreshes it at %s; if not, store its refresh token of %[2]s there again", held.Provider, n.Provider)}
}
