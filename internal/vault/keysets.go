package vault

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"

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
type Keysets struct {
	secrets Secrets

	mu sync.Mutex
	// read are the values of enabled versions, which never change: workers read the keyset
	// every minute, and its older versions once.
	read map[string]token.Secret
}

// NewKeysets returns the keysets in the given secrets.
func NewKeysets(secrets Secrets) *Keysets { return &Keysets{secrets: secrets} }

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
	newestFirst(listed)
	var versions []seal.Version
	values := map[string]token.Secret{}
	if !hidden {
		versions = append(versions, keysetVersion(current.Properties, current.Value))
		values[current.Version] = current.Value
	}
	for _, p := range listed {
		if p.Version == current.Version {
			continue
		}
		if p.Enabled {
			if values[p.Version], err = k.value(ctx, p.Version); err != nil {
				return nil, err
			}
		}
		versions = append(versions, keysetVersion(p, values[p.Version]))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.read = values
	return versions, nil
}

// value reads an older version, where that was not done before.
func (k *Keysets) value(ctx context.Context, version string) (token.Secret, error) {
	k.mu.Lock()
	value, known := k.read[version]
	k.mu.Unlock()
	if known {
		return value, nil
	}
	s, err := k.secrets.Get(ctx, seal.SecretName, version)
	return s.Value, err
}

func newestFirst(versions []Properties) {
	slices.SortFunc(versions, func(a, b Properties) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.Version, b.Version)) // times are whole seconds
	})
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

// Touch proves that the vault takes writes: it writes the tags of the keyset's newest
// readable version again.
func (k *Keysets) Touch(ctx context.Context) error {
	current, err := k.secrets.Get(ctx, seal.SecretName, "")
	newest := current.Properties
	if errors.Is(err, ErrDisabled) {
		var listed []Properties
		if listed, err = k.secrets.Versions(ctx, seal.SecretName); err == nil {
			newestFirst(listed)
			i := max(0, slices.IndexFunc(listed, func(p Properties) bool { return p.Enabled }))
			newest = listed[i]
		}
	}
	if err != nil {
		return err
	}
	return k.secrets.SetTags(ctx, seal.SecretName, newest.Version, newest.Tags)
}
