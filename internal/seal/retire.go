package seal

import (
	"context"
	"errors"
	"fmt"
)

// ErrPrimary: the key is the one that seals.
var ErrPrimary = errors.New("it is the primary key, which seals; promote another one first with: starter keys rotate")

// Retire disables a key: it stays in the keyset and opens nothing any more, in other
// workers after at most [RotationPause]. [Keyring.Restore] takes that back.
func (k *Keyring) Retire(ctx context.Context, id KeyID) error {
	return wrap(fmt.Sprintf("disable key %d", id), k.commit(ctx, edit{Disabled, id, func(now keys) (keys, error) {
		switch {
		case now.primary == id:
			return keys{}, ErrPrimary
		case now.all()[id] == nil:
			return keys{}, ErrUnknownKey
		}
		next := now.clone()
		next.disabled[id] = now.all()[id]
		delete(next.byID, id)
		return next, nil
	}}))
}

// Restore enables a disabled key.
func (k *Keyring) Restore(ctx context.Context, id KeyID) error {
	return wrap(fmt.Sprintf("enable key %d", id), k.commit(ctx, edit{Enabled, id, func(now keys) (keys, error) {
		if now.all()[id] == nil {
			return keys{}, ErrUnknownKey
		}
		next := now.clone()
		next.byID[id] = now.all()[id]
		delete(next.disabled, id)
		return next, nil
	}}))
}

// Destroy takes a disabled key out of the keyset, and disables every version that holds
// it. Key Vault deletes no version by itself: an owner can enable one again, until the
// secret as a whole is purged.
func (k *Keyring) Destroy(ctx context.Context, id KeyID) error {
	return wrap(fmt.Sprintf("destroy key %d", id), k.destroy(ctx, id))
}

func (k *Keyring) destroy(ctx context.Context, id KeyID) error {
	if err := k.lock(ctx); err != nil {
		return err
	}
	defer k.unlock()
	for range convergeRounds {
		v, err := k.readLocked(ctx)
		if err != nil {
			return err
		}
		holders := v.holding(id)
		switch {
		case v.trusted.primary == id:
			return ErrPrimary
		case v.trusted.byID[id] != nil:
			return errors.New("the key is not disabled; disable it first with: starter keys retire, and see that no run misses it")
		case len(holders) == 0:
			return nil
		}
		next := v.trusted.clone()
		delete(next.disabled, id)
		if top := v.versions[0]; !top.trusted || !top.keys.equal(next) {
			if _, err := k.put(ctx, next, Destroyed, id); err != nil {
				return err
			}
			continue // the older versions are disabled once this one is seen
		}
		for _, holder := range holders {
			if err := k.source.Disable(ctx, holder); err != nil {
				return fmt.Errorf("disable version %s of %s: %w", holder, SecretName, err)
			}
		}
	}
	return errUnsettled
}

// holding are the readable versions with a key, whether they count or not.
func (v *view) holding(id KeyID) (ids []string) {
	for _, next := range v.versions {
		if next.usable() && next.keys.all()[id] != nil {
			ids = append(ids, next.ID)
		}
	}
	return ids
}
