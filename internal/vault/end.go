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
	if access.foreign(n) {
		access = Secret{} // the account has moved, and this is none of n's
	}
	return token.Pair{RefreshToken: held.Value, AccessToken: access.Value, Issue: token.Issue{UserID: held.UserID}}, nil
}

// Disable keeps the two current tokens from being read, and deletes nothing. It
// leaves another provider's alone. It
// reports whether there was anything left to disable.
func (v *Vault) Disable(ctx context.Context, n Names) (disabled bool, err error) {
	for _, name := range []string{n.RefreshToken, n.AccessToken} {
		current, err := v.secrets.Get(ctx, name, "")
		switch {
		case unreadable(err):
			continue
		case err != nil:
			return disabled, err
		case current.foreign(n):
			continue
		}
		if err := v.secrets.DisableVersion(ctx, name, current.Version); err != nil {
			return disabled, err
		}
		disabled = true
	}
	return disabled, nil
}

// foreign reports whether a version's tags give it to another provider.
func (s Secret) foreign(n Names) bool {
	issuer := s.Tags[tagProvider]
	return issuer != "" && n.Provider != "" && issuer != n.Provider
}

// unreadable reports whether nobody can read the secret as it is.
func unreadable(err error) bool { return absent(err) || errors.Is(err, ErrDisabled) }
