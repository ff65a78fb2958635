package seal

import (
	"context"
	"errors"
	"fmt"
)

// convergeRounds bounds how often one worker answers the others' writes. Every
// racer needs about one round per other racer.
const convergeRounds = 20

// Create makes a keyset when the vault has none, and reports whether it did.
// Any number of workers may call it at once: each puts its own keyset and then
// looks at what the others put, until the current version has all of their
// keys. The last to write always looks once more, so that what is current in
// the end opens what any of them sealed meanwhile.
//
// A corrupt keyset is not replaced: envelopes may depend on it (ErrCorrupt).
func (k *Keyring) Create(ctx context.Context) (created bool, err error) {
	_, err = k.read(ctx)
	if !errors.Is(err, ErrNoKeyset) {
		return false, prefixed("look for the keyset", err)
	}
	fresh, err := generate()
	if err != nil {
		return false, err
	}
	if err := k.put(ctx, fresh); err != nil {
		return false, err
	}
	return true, k.converge(ctx)
}

func (k *Keyring) converge(ctx context.Context) error {
	for range convergeRounds {
		versions, err := k.read(ctx)
		if err != nil {
			return prefixed("look at the new keyset", err)
		}
		merged := merge(versions)
		if versions[0].covers(merged) {
			return nil
		}
		if err := k.put(ctx, merged); err != nil {
			return err
		}
	}
	return fmt.Errorf("seal: other workers kept replacing %s while this one united its versions; start this worker again", SecretName)
}

// AddKey is the first step of a rotation: it puts a keyset with one key more,
// which opens but does not seal yet, and returns its number.
func (k *Keyring) AddKey(ctx context.Context) (KeyID, error) {
	versions, err := k.read(ctx)
	if err != nil {
		return 0, prefixed("add a key", err)
	}
	more, id, err := union(versions).withFreshKey()
	if err != nil {
		return 0, err
	}
	return id, k.put(ctx, more)
}

// Promote is the second step, to be taken [CacheLife] or more after the first:
// from now on the key seals, and the older keys stay to open. A keyring
// elsewhere follows at its next [Keyring.Ready]. The key must be in the vault
// (ErrUnknownKey).
func (k *Keyring) Promote(ctx context.Context, id KeyID) error {
	versions, err := k.read(ctx)
	if err != nil {
		return prefixed("promote a key", err)
	}
	next, err := union(versions).promoted(id)
	if err != nil {
		return err
	}
	if err := k.put(ctx, next); err != nil {
		return err
	}
	_, err = k.read(ctx)
	return prefixed("look at the promoted key", err)
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

func prefixed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("seal: %s: %w", doing, err)
}
