package vault

import (
	"context"
	"errors"

	"tokenkeeper/internal/token"
)

// Keysets is where the sealing keyset lives: every version of the secret
// TokenKeeperKeyset. Versions cannot be deleted one by one, so whatever was ever
// sealed stays openable.
type Keysets struct{ secrets Secrets }

// NewKeysets finds the keysets in the given secrets.
func NewKeysets(secrets Secrets) *Keysets { return &Keysets{secrets} }

// Keysets reads every enabled version, the current one first; none where the
// secret does not exist. A soft-deleted keyset is an error and not an absence:
// a new one would open nothing that the old one sealed.
func (k *Keysets) Keysets(ctx context.Context) ([][]byte, error) {
	current, err := k.secrets.Get(ctx, Keyset, "")
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrDeleted):
		deleted, err := k.secrets.IsDeleted(ctx, Keyset)
		if err != nil {
			return nil, err
		}
		if deleted {
			return nil, &Error{Op: "get", Name: Keyset, Kind: ErrDeleted,
				Fix: "bring it back with: az keyvault secret recover --name " + Keyset}
		}
		return nil, nil
	case err != nil:
		return nil, err
	}
	keysets := [][]byte{[]byte(current.Value.Reveal())}
	versions, err := k.secrets.Versions(ctx, Keyset)
	if err != nil {
		return nil, err
	}
	for _, p := range versions {
		if p.Version == current.Version || !p.Enabled {
			continue
		}
		s, err := k.secrets.Get(ctx, Keyset, p.Version)
		if err != nil {
			return nil, err
		}
		keysets = append(keysets, []byte(s.Value.Reveal()))
	}
	return keysets, nil
}

// Put writes a keyset as the current version.
func (k *Keysets) Put(ctx context.Context, keyset []byte) error {
	_, err := k.secrets.Set(ctx, Keyset, token.NewSecret(string(keyset)), Properties{ContentType: "application/json"})
	return err
}
