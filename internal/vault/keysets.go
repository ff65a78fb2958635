package vault

import (
	"context"
	"slices"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// Keysets implements seal.Source over the versions of the secret seal.SecretName.
// Versions cannot be deleted one by one, so what was ever sealed stays openable.
type Keysets struct{ secrets Secrets }

// NewKeysets returns the keysets in the given secrets.
func NewKeysets(secrets Secrets) *Keysets { return &Keysets{secrets} }

// Keysets reads every enabled version, the current one first and the others from new
// to old; none where the secret does not exist. A soft-deleted keyset is an error:
// a new one would open nothing that the old one sealed.
func (k *Keysets) Keysets(ctx context.Context) ([][]byte, error) {
	current, err := k.secrets.Get(ctx, seal.SecretName, "")
	switch {
	case absent(err):
		deleted, err := k.secrets.IsDeleted(ctx, seal.SecretName)
		if err != nil {
			return nil, err
		}
		if deleted {
			return nil, &Error{Op: "get", Name: seal.SecretName, Kind: ErrDeleted,
				Fix: recoverFix(seal.SecretName)}
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

// Put writes a keyset as the current version, with what the owner has set on the one
// before.
func (k *Keysets) Put(ctx context.Context, keyset []byte) error {
	before, err := k.secrets.Get(ctx, seal.SecretName, "")
	if err != nil && !unreadable(err) {
		return err
	}
	_, err = k.secrets.Set(ctx, seal.SecretName, token.NewSecret(string(keyset)), before.over(Properties{ContentType: "application/json"}))
	return err
}

// Touch proves that the vault takes writes: it writes the tags of the keyset's current
// version again.
func (k *Keysets) Touch(ctx context.Context) error {
	current, err := k.secrets.Get(ctx, seal.SecretName, "")
	if err != nil {
		return err
	}
	return k.secrets.SetTags(ctx, seal.SecretName, current.Version, current.Tags)
}
