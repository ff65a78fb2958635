package seal

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/subtle/random"
)

// Create makes a keyset when the vault has none, and reports whether it did. Any number
// of workers may call it at once: each writes its own keyset, then rereads until the
// current version has the keys of all, so that it opens what any of them has sealed. A
// corrupt keyset is not replaced, for envelopes may depend on it (ErrCorrupt).
func (k *Keyring) Create(ctx context.Context) (created bool, err error) {
	_, err = k.read(ctx)
	if !errors.Is(err, ErrNoKeyset) {
		return false, wrap("look for the keyset", err)
	}
	fresh, id, err := keys{}.withFreshKey()
	if err != nil {
		return false, err
	}
	fresh.primary = id
	if _, err := k.put(ctx, fresh, Created, id); err != nil {
		return false, err
	}
	return true, k.converge(ctx)
}

func (k *Keyring) converge(ctx context.Context) error {
	for range convergeRounds {
		v, err := k.read(ctx)
		if err != nil {
			return wrap("look at the new keyset", err)
		}
		if top := v.versions[0]; top.trusted && top.keys.contains(v.trusted) {
			return nil
		}
		if _, err := k.put(ctx, v.merged(), Merged, 0); err != nil {
			return err
		}
	}
	return fmt.Errorf("seal: %w", errUnsettled)
}

// merged has the lowest primary of all creators, so that workers that see the versions in
// different orders merge them alike.
func (v *view) merged() keys {
	all := v.trusted.clone()
	for _, next := range v.versions {
		if next.trusted {
			all.primary = min(all.primary, next.keys.primary)
		}
	}
	return all
}

// AddKey is the first step of a rotation: it writes a keyset with one key more,
// which opens but does not seal yet, and returns its number. It also puts the keys that
// are trusted on top of a stranger's.
func (k *Keyring) AddKey(ctx context.Context) (KeyID, error) {
	fresh, id, err := keys{}.withFreshKey()
	if err != nil {
		return 0, err
	}
	return id, wrap("add a key", k.commit(ctx, edit{Added, id, func(now keys) (keys, error) {
		if now.all()[id] != nil {
			return keys{}, errors.New("the new key's number is taken; try again")
		}
		next := now.clone()
		next.byID[id] = fresh.byID[id]
		return next, nil
	}}))
}

// Promote is the second step, [RotationPause] or more after the first: from now on the
// key seals, and the older keys stay to open. Keyrings of other workers follow at
// their next [Keyring.Ready]. The key must be in the vault (ErrUnknownKey).
func (k *Keyring) Promote(ctx context.Context, id KeyID) error {
	return wrap(fmt.Sprintf("promote key %d", id), k.commit(ctx, edit{Promoted, id, func(now keys) (keys, error) {
		if now.byID[id] == nil {
			return keys{}, ErrUnknownKey
		}
		next := now.clone()
		next.primary = id
		return next, nil
	}}))
}

// contains reports whether k has every key of other.
func (k keys) contains(other keys) bool {
	for id := range other.all() {
		if k.all()[id] == nil {
			return false
		}
	}
	return true
}

// withFreshKey adds a new key and leaves the primary alone: other workers have not
// read the new key yet, and could not open what it sealed.
func (k keys) withFreshKey() (keys, KeyID, error) {
	id := KeyID(random.GetRandomUint32())
	for k.all()[id] != nil {
		id = KeyID(random.GetRandomUint32())
	}
	key, err := freshKey(id)
	if err != nil {
		return keys{}, 0, fmt.Errorf("seal: make a key for %s: %w", SecretName, err)
	}
	next := keys{byID: map[KeyID]*aesgcm.Key{id: key}, disabled: k.disabled, primary: k.primary}
	maps.Copy(next.byID, k.byID)
	return next, id, nil
}
