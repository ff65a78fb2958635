package vault

import (
	"context"

	"tokenkeeper/internal/token"
)

// Tokens reads the two current tokens, for revocation. One that is absent, deleted
// or disabled, or that another provider issued, is empty.
func (v *Vault) Tokens(ctx context.Context, n Names) (token.Pair, error) {
	refresh, _, err := v.Load(ctx, n, 0)
	if err != nil && !unreadable(err) {
		return token.Pair{}, err
	}
	access, err := v.secrets.Get(ctx, n.AccessToken, "")
	if err != nil && !unreadable(err) {
		return token.Pair{}, err
	}
	if !n.isOwn(access) {
		access = Secret{} // of the provider that the account has moved to or from
	}
	return token.Pair{RefreshToken: refresh.Value, AccessToken: access.Value, Issue: token.Issue{UserID: refresh.UserID}}, nil
}

// Disable keeps the two current tokens from being read and deletes nothing. It
// leaves another provider's alone, and reports whether it disabled any.
func (v *Vault) Disable(ctx context.Context, n Names) (disabled bool, err error) {
	for _, name := range []string{n.RefreshToken, n.AccessToken} {
		current, err := v.secrets.Get(ctx, name, "")
		switch {
		case unreadable(err):
			continue
		case err != nil:
			return disabled, err
		case !n.isOwn(current):
			continue
		}
		if err := v.secrets.DisableVersion(ctx, name, current.Version); err != nil {
			return disabled, err
		}
		disabled = true
	}
	return disabled, nil
}

// isOwn reports whether a token may be taken to be of the names' provider; see FenceIssuer.
func (n Names) isOwn(s Secret) bool {
	f := refreshTokenOf(s).Fingerprint // by the same rule for both tokens
	p, tagged := provenanceOf(s.Properties)
	issuer := issuerOf(s.Properties, f, tagged && p.Fingerprint == f)
	return FenceIssuer(IssuerView{Issuer: issuer, Asked: n.Provider, SharedWith: n.SharedWith}) == Present
}
