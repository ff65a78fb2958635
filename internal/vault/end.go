package vault

import (
	"context"
	"errors"

	"tokenkeeper/internal/token"
)

// Tokens reads the two tokens that are in force, for whoever ends the grant.
// What is absent, deleted or disabled is empty.
func (v *Vault) Tokens(ctx context.Context, n Names) (token.Pair, error) {
	held, _, err := v.Load(ctx, n)
	if err != nil && !unreadable(err) {
		return token.Pair{}, err
	}
	access, err := v.secrets.Get(ctx, n.AccessToken, "")
	if err != nil && !unreadable(err) {
		return token.Pair{}, err
	}
	return token.Pair{RefreshToken: held.Value, AccessToken: access.Value, UserID: held.UserID}, nil
}

// Disable keeps the two current tokens from being read, and deletes nothing. It
// reports whether there was anything left to disable.
func (v *Vault) Disable(ctx context.Context, n Names) (disabled bool, err error) {
	for _, name := range []string{n.RefreshToken, n.AccessToken} {
		current, err := v.secrets.Get(ctx, name, "")
		switch {
		case unreadable(err):
			continue
		case err != nil:
			return disabled, err
		}
		if err := v.secrets.DisableVersion(ctx, name, current.Version); err != nil {
			return disabled, err
		}
		disabled = true
	}
	return disabled, nil
}

// unreadable reports whether nobody can read the secret as it is.
func unreadable(err error) bool { return absent(err) || errors.Is(err, ErrDisabled) }
