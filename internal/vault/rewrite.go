package vault

import (
	"context"
	"errors"
	"time"
)

// ErrNothingToRewrite is the error of [Vault.RewriteAccessToken] where the access token has
// expired: a policy may refuse a date that has passed, and a later one would be untrue.
var ErrNothingToRewrite = errors.New("the access token has expired")

// RewriteAccessToken writes the account's access token again as it is, which shows whether
// the vault takes a new version from this identity. Its readers get the same value, and
// one that a worker has stored meanwhile is put back on top.
func (v *Vault) RewriteAccessToken(ctx context.Context, n Names) (Properties, error) {
	current, err := v.secrets.Get(ctx, n.AccessToken, "")
	if err != nil {
		return Properties{}, err
	}
	if !current.Expires.IsZero() && !current.Expires.After(time.Now()) {
		return Properties{}, ErrNothingToRewrite
	}
	written, _, err := v.set(ctx, n.AccessToken, current.Value, current.Properties)
	if err != nil {
		return Properties{}, err
	}
	return written, v.uncoverAccess(ctx, n.AccessToken, current, written)
}
