package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tokenkeeper/internal/token"
)

// Load finds the refresh token to spend, which is the current version unless a newer one
// lies under it, and reads the access token's tags. A generation below atLeast is known
// to be old, so that all versions are listed for a newer one. It returns no token of another
// provider: after a move, the old provider's workflow must not spend it.
func (v *Vault) Load(ctx context.Context, n Names, atLeast token.Generation) (RefreshToken, AccessTokenInfo, error) {
	for range maxRounds {
		current, err := v.readRefresh(ctx, n)
		if err != nil {
			return RefreshToken{}, AccessTokenInfo{}, err
		}
		access, err := v.readAccess(ctx, n)
		settled := err == nil
		if settled && (needsScan(current, access, n) || current.Generation < atLeast) {
			current, settled, err = v.scan(ctx, n, current.Version, access)
		}
		switch {
		case err != nil:
			return RefreshToken{}, AccessTokenInfo{}, err
		case settled && n.otherProvider(current.Provider):
			return RefreshToken{}, AccessTokenInfo{}, otherProviderError(n, current)
		case settled:
			return current, access, nil
		}
	}
	return RefreshToken{}, AccessTokenInfo{}, &Error{Op: "get", Name: n.RefreshToken, Kind: ErrUnavailable, Detail: "other writers change it as fast as it is read"}
}

// needsScan reports whether all versions must be listed to find the newest: the current
// one was written by hand, the access token does not vouch for it, or another provider
// issued it.
func needsScan(current RefreshToken, access AccessTokenInfo, n Names) bool {
	return !current.tagged || !access.vouchesFor(current.Generation) || n.otherProvider(current.Provider)
}

// scan finds the newest of all versions, and numbers a new consent. It is not settled
// where the current version changed since it was read: what numbers a consent must be a
// list of all that came before it, and of nothing that came after.
func (v *Vault) scan(ctx context.Context, n Names, version string, access AccessTokenInfo) (t RefreshToken, settled bool, err error) {
	versions, err := v.secrets.Versions(ctx, n.RefreshToken)
	if err != nil {
		return RefreshToken{}, false, err
	}
	current, err := v.readRefresh(ctx, n)
	if err != nil || current.Version != version {
		return RefreshToken{}, false, err
	}
	o := newOrder(versions)
	current.VersionsRead = len(versions)
	if o.isStale(current) {
		newest, err := v.readNewest(ctx, n.RefreshToken, o)
		newest.VersionsRead = len(versions)
		if err != nil || newest.usable() {
			return newest, true, err
		}
	}
	if !current.tagged {
		current.Generation = o.nextGeneration(access)
	}
	return current, true, nil
}

// RecordIntent writes the intent record, the run and the time, onto the refresh token
// that run is about to spend, with the earlier runs that may have spent it. That also
// proves that the vault takes writes.
func (v *Vault) RecordIntent(ctx context.Context, n Names, a token.Account, t RefreshToken, run Run, earlier []Intent) error {
	return v.tag(ctx, n.RefreshToken, t.Version, withIntent(t, a, run, earlier, time.Now()))
}

// tag replaces a version's tags.
func (v *Vault) tag(ctx context.Context, name, version string, tags map[string]string) error {
	if len(tags) > maxTags {
		return &Error{Op: "tag", Name: name, Kind: ErrRejected, Detail: fmt.Sprintf("it carries %d tags and Key Vault takes %d", len(tags), maxTags),
			Fix: "remove some of your own tags from it"}
	}
	return v.secrets.SetTags(ctx, name, version, tags)
}

// readRefresh reads the current refresh token, and adds the fix to an error.
func (v *Vault) readRefresh(ctx context.Context, n Names) (RefreshToken, error) {
	t, err := v.read(ctx, n.RefreshToken, "")
	if err != nil {
		return RefreshToken{}, v.withFix(ctx, err, n.RefreshToken, "the refresh token from the provider's consent")
	}
	return t, nil
}

// read reads one version of a token.
func (v *Vault) read(ctx context.Context, name, version string) (RefreshToken, error) {
	s, err := v.secrets.Get(ctx, name, version)
	if err != nil {
		return RefreshToken{}, err
	}
	t := refreshTokenOf(s)
	if !t.usable() {
		return RefreshToken{}, &Error{Op: "read", Name: name, Kind: ErrMalformed, Detail: "it " + t.problem.Error(),
			Fix: "store the refresh token from the provider's consent in it, and nothing else"}
	}
	return t, nil
}

// readAccess reads the access token's tags. An access token that is absent, deleted
// or disabled states nothing, and that is no error.
func (v *Vault) readAccess(ctx context.Context, n Names) (AccessTokenInfo, error) {
	s, err := v.secrets.Get(ctx, n.AccessToken, "")
	switch {
	case unreadable(err):
		return AccessTokenInfo{}, nil
	case err != nil:
		return AccessTokenInfo{}, err
	}
	return accessTokenOf(s), nil
}

func otherProviderError(n Names, current RefreshToken) error {
	return &Error{Op: "read", Name: n.RefreshToken, Kind: ErrOtherProvider,
		Detail: fmt.Sprintf("generation %d there is of %s, and this is for %s", current.Generation, current.Provider, n.Provider),
		Fix:    fmt.Sprintf("if the account has moved to %s, end the workflow that refreshes it at %s; if not, store its refresh token of %[2]s there again", current.Provider, n.Provider)}
}

// absent reports whether a name or version is missing or soft-deleted.
func absent(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDeleted) }

// unreadable reports whether a version is absent or disabled.
func unreadable(err error) bool { return absent(err) || errors.Is(err, ErrDisabled) }
