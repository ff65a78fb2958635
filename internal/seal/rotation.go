package seal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/subtle/random"
)

// convergeRounds bounds one worker's writes in reply to others'. A creator needs about
// one round per other creator.
const convergeRounds = 20

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
	if err := k.put(ctx, fresh); err != nil {
		return false, err
	}
	return true, k.converge(ctx)
}

func (k *Keyring) converge(ctx context.Context) error {
	for range convergeRounds {
		versions, err := k.read(ctx)
		if err != nil {
			return wrap("look at the new keyset", err)
		}
		merged := merge(versions)
		if versions[0].contains(merged) {
			return nil
		}
		if err := k.put(ctx, merged); err != nil {
			return err
		}
	}
	return fmt.Errorf("seal: other workers kept replacing %s while this one united its versions; start this worker again", SecretName)
}

// AddKey is the first step of a rotation: it writes a keyset with one key more,
// which opens but does not seal yet, and returns its number.
func (k *Keyring) AddKey(ctx context.Context) (KeyID, error) {
	versions, err := k.read(ctx)
	if err != nil {
		return 0, wrap("add a key", err)
	}
	next, id, err := union(versions).withFreshKey()
	if err != nil {
		return 0, err
	}
	return id, k.put(ctx, next)
}

// Promote is the second step, [CacheLife] or more after the first: from now on the
// key seals, and the older keys stay to open. Keyrings of other workers follow at
// their next [Keyring.Ready]. The key must be in the vault (ErrUnknownKey).
func (k *Keyring) Promote(ctx context.Context, id KeyID) error {
	versions, err := k.read(ctx)
	if err != nil {
		return wrap("promote a key", err)
	}
	next := union(versions)
	if next.byID[id] == nil {
		return fmt.Errorf("seal: promote key %d: %w", id, ErrUnknownKey)
	}
	next.primary = id
	if err := k.put(ctx, next); err != nil {
		return err
	}
	_, err = k.read(ctx)
	return wrap("look at the promoted key", err)
}

func (k *Keyring) put(ctx context.Context, next keys) error {
	encoded, err := next.encode()
	if err != nil {
		return err
	}
	if err := k.source.Put(ctx, encoded); err != nil {
		return fmt.Errorf("seal: write %s: %w", SecretName, err)
	}
	return nil
}

// union has the keys of all versions, of which the first is the current one: its
// primary is the union's, and its key wins where two have one number.
func union(versions []keys) keys {
	all := keys{byID: map[KeyID]*aesgcm.Key{}, primary: versions[0].primary}
	for _, v := range slices.Backward(versions) {
		maps.Copy(all.byID, v.byID)
	}
	return all
}

// merge is the union with the lowest primary of all versions, so that workers that
// see the versions in different orders merge them alike.
func merge(versions []keys) keys {
	all := union(versions)
	for _, v := range versions {
		all.primary = min(all.primary, v.primary)
	}
	return all
}

// contains reports whether k has every key of other.
func (k keys) contains(other keys) bool {
	for id := range other.byID {
		if k.byID[id] == nil {
			return false
		}
	}
	return true
}

// withFreshKey adds a new key and leaves the primary alone: other workers have not
// read the new key yet, and could not open what it sealed.
func (k keys) withFreshKey() (keys, KeyID, error) {
	id := KeyID(random.GetRandomUint32())
	for k.byID[id] != nil {
		id = KeyID(random.GetRandomUint32())
	}
	key, err := freshKey(id)
	if err != nil {
		return keys{}, 0, fmt.Errorf("seal: make a key for %s: %w", SecretName, err)
	}
	next := keys{byID: map[KeyID]*aesgcm.Key{id: key}, primary: k.primary}
	maps.Copy(next.byID, k.byID)
	return next, id, nil
}
