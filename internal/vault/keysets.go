package vault

import (
	"context"
	"errors"
	"slices"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// Keysets is where the sealing keyset lives: every version of the secret that
// seal.SecretName names. Versions cannot be deleted one by one, so whatever was
// ever sealed stays openable.
type Keysets struct{ secrets Secrets }

// NewKeysets finds the keysets in the given secrets.
func NewKeysets(secrets Secrets) *Keysets { return &Keysets{secrets} }

// Keysets reads every enabled version, the current one first and the others
// from new to old; none where the secret does not exist. A soft-deleted keyset
// is an error and not an absence: a new one would open nothing that the old one
// sealed.
func (k *Keysets) Keysets(ctx context.Context) ([][]byte, error) {
	current, err := k.secrets.Get(ctx, seal.SecretName, "")
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrDeleted):
		deleted, err := k.secrets.IsDeleted(ctx, seal.SecretName)
		if err != nil {
			return nil, err
		}
		if deleted {
			return nil, &Error{Op: "get", Name: seal.SecretName, Kind: ErrDeleted,
				Fix: "bring it back with: az keyvault secret recover --vault-name VAULT --name " + seal.SecretName}
		}
		return nil, nil
	case err != nil:
		return nil, err
	}
	keysets := [][]byte{[]byte(current.Value.Reveal())}
	versions, err := k.secrets.Versions(ctx, seal.SecretName)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(versions, func(a, b Properties) int { return b.Created.Compare(a.Created) })
	for _, p := range versions {
		if p.Version == current.Version || !p.Enabled {
			continue
		}
		s, err := k.secrets.Get(ctx, seal.SecretName, p.Version)
		if err != nil {
			return nil, err
		}
		keysets = append(keysets, []byte(s.Value.Reveal()))
	}
	return keysets, nil
}

// Put writes a keyset as the current version.
func (k *Keysets) Put(ctx context.Context, keyset []byte) error {
	_, err := k.secrets.Set(ctx, seal.SecretName, token.NewSecret(string(keyset)), Properties{ContentType: "application/json"})
	return err
}

// Touch proves that the vault takes writes: it gives the keyset's current version
// the tags that it has.
func (k *Keysets) Touch(ctx context.Context) error {
	current, err := k.secrets.Get(ctx, seal.SecretName, "")
	if err != nil {
		return err
	}
	return k.secrets.SetTags(ctx, seal.SecretName, current.Version, current.Tags)
}
