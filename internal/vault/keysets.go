package vault

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// The tags of a keyset's version: what it was written for, and the number of the key that
// this is about; see seal.Step.
const (
	tagKeysetStep = "keyset-step"
	tagKeysetKey  = "keyset-key"
)

// Keysets implements seal.Source over the versions of the secret seal.SecretName.
// Versions cannot be deleted one by one, so what was ever sealed stays openable.
type Keysets struct{ secrets Secrets }

// NewKeysets returns the keysets in the given secrets.
func NewKeysets(secrets Secrets) *Keysets { return &Keysets{secrets} }

// Keysets reads every version, the current one first and the others from new to old; none
// where the secret does not exist. Disabled versions come without their values. That all
// are disabled is an error, and so is a soft-deleted keyset: a new one would open nothing
// that the old one sealed.
func (k *Keysets) Keysets(ctx context.Context) ([]seal.Version, error) {
	current, err := k.secrets.Get(ctx, seal.SecretName, "")
	hidden := errors.Is(err, ErrDisabled)
	switch {
	case absent(err):
		return nil, k.checkDeleted(ctx)
	case err != nil && !hidden:
		return nil, err
	}
	listed, listErr := k.secrets.Versions(ctx, seal.SecretName)
	if listErr != nil {
		return nil, listErr
	}
	if hidden && !slices.ContainsFunc(listed, func(p Properties) bool { return p.Enabled }) {
		return nil, err
	}
	slices.SortFunc(listed, func(a, b Properties) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.Version, b.Version)) // times are whole seconds
	})
	var versions []seal.Version
	if !hidden {
		versions = append(versions, keysetVersion(current.Properties, current.Value))
	}
	for _, p := range listed {
		if p.Version == current.Version {
			continue
		}
		s := Secret{Properties: p}
		if p.Enabled {
			if s, err = k.secrets.Get(ctx, seal.SecretName, p.Version); err != nil {
				return nil, err
			}
		}
		versions = append(versions, keysetVersion(s.Properties, s.Value))
	}
	return versions, nil
}

func (k *Keysets) checkDeleted(ctx context.Context) error {
	deleted, err := k.secrets.IsDeleted(ctx, seal.SecretName)
	if err == nil && deleted {
		err = &Error{Op: "get", Name: seal.SecretName, Kind: ErrDeleted, Fix: recoverFix(seal.SecretName)}
	}
	return err
}

func keysetVersion(p Properties, value token.Secret) seal.Version {
	v := seal.Version{ID: p.Version, Enabled: p.Enabled, Created: p.Created, Step: stepOf(p.Tags[tagKeysetStep])}
	if p.Enabled {
		v.Keyset = []byte(value.Reveal())
	}
	if id, err := strconv.ParseUint(p.Tags[tagKeysetKey], 10, 32); err == nil {
		v.Key = seal.KeyID(id)
	}
	return v
}

// stepOf takes no word for a step that is none: a tag can be written by anyone.
func stepOf(tag string) seal.Step {
	steps := []seal.Step{seal.Created, seal.Merged, seal.Added, seal.Promoted, seal.Disabled, seal.Enabled, seal.Destroyed}
	if i := slices.Index(steps, seal.Step(tag)); i >= 0 {
		return steps[i]
	}
	return ""
}

// Put writes a keyset as the current version, with what the owner has set on the one
// before.
func (k *Keysets) Put(ctx context.Context, keyset []byte, step seal.Step, key seal.KeyID) (id string, err error) {
	before, err := k.secrets.Get(ctx, seal.SecretName, "")
	if err != nil && !unreadable(err) {
		return "", err
	}
	own := map[string]string{tagKeysetStep: string(step)}
	if key != 0 {
		own[tagKeysetKey] = strconv.FormatUint(uint64(key), 10)
	}
	owners := maps.Clone(before.Tags)
	delete(owners, tagKeysetStep)
	delete(owners, tagKeysetKey)
	next := before.over(Properties{ContentType: "application/json"})
	next.Tags = fitTags(own, owners, 0)
	written, err := k.secrets.Set(ctx, seal.SecretName, token.NewSecret(string(keyset)), next)
	return written.Version, err
}

// Disable keeps one version from being read.
func (k *Keysets) Disable(ctx context.Context, version string) error {
	return k.secrets.DisableVersion(ctx, seal.SecretName, version)
}

// Recover brings a soft-deleted keyset back with all its versions, and reports whether it
// was deleted.
func (k *Keysets) Recover(ctx context.Context) (recovered bool, err error) {
	deleted, err := k.secrets.IsDeleted(ctx, seal.SecretName)
	if err != nil || !deleted {
		return false, err
	}
	return true, k.secrets.Recover(ctx, seal.SecretName)
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
