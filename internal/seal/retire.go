package seal

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// Destroy takes a disabled key out of the keyset, and disables every version but the one
// that it writes for that: without those that hold the key, the older ones no longer show
// where the keys of the newer ones come from. Key Vault deletes no version by itself: an
// owner can enable one again, until the secret as a whole is purged.
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
		switch {
		case v.trusted.primary == id:
			return ErrPrimary
		case v.trusted.byID[id] != nil:
			return errors.New("the key is not disabled; disable it first with: starter keys retire, and see that no run misses it")
		case !v.readable(id):
			return nil
		}
		if err := v.bridged(); err != nil {
			return err
		}
		next := v.trusted.clone()
		delete(next.disabled, id)
		if top := v.versions[0]; !top.trusted || !top.keys.equal(next) || top.Step != Destroyed || top.Key != id {
			if _, err := k.put(ctx, next, Destroyed, id); err != nil {
				return err
			}
			continue // the older versions are disabled once this one is seen
		}
		for _, older := range v.older() {
			if err := k.source.Disable(ctx, older); err != nil {
				return fmt.Errorf("disable version %s of %s: %w", older, SecretName, err)
			}
		}
	}
	return errUnsettled
}

// readable reports whether a readable version holds a key, whether it counts or not.
func (v *view) readable(id KeyID) bool {
	return slices.ContainsFunc(v.versions, func(next version) bool { return next.usable() && next.keys.all()[id] != nil })
}

// older are the readable versions below the current one, in an order to disable them in: a
// worker that starts in between, or after an end in between, believes the current one.
func (v *view) older() (ids []string) {
	var left []Version
	for _, next := range v.versions {
		if next.usable() {
			left = append(left, next.Version)
		}
	}
	for len(left) > 1 {
		next := len(left) - 1 // the oldest, where none is good
		for i := next; i > 0; i-- {
			if without, err := evaluate(slices.Delete(slices.Clone(left), i, i+1), keys{}); err == nil && without.elsewhere == nil && without.trusted.contains(v.versions[0].keys) {
				next = i
				break
			}
		}
		ids = append(ids, left[next].ID)
		left = slices.Delete(left, next, next+1)
	}
	return ids
}
