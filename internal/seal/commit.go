package seal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// convergeRounds bounds one writer's writes in reply to others'. It needs about one
	// for each other writer.
	convergeRounds = 20
	// unseenPause is the wait for a version that was written and is not listed yet, and
	// unseenReads how often it is looked for.
	unseenPause, unseenReads = time.Second, 10
)

var errUnsettled = errors.New("others kept replacing " + SecretName + " while this program united its versions; try again once they have ended")

// edit is one change of the keyset. Apply leaves its argument as it is.
type edit struct {
	step  Step
	key   KeyID
	apply func(keys) (keys, error)
}

// commit writes an edited keyset, and reads and writes again until the current version is
// what all versions say together: Key Vault has no compare-and-swap, so that the last of
// two writers may not have seen the first.
func (k *Keyring) commit(ctx context.Context, e edit) error {
	if err := k.lock(ctx); err != nil {
		return err
	}
	defer k.unlock()
	before, err := k.readLocked(ctx)
	if err != nil {
		return err
	}
	if err := before.bridged(); err != nil {
		return err
	}
	next, err := e.apply(before.trusted)
	if err != nil {
		return err
	}
	for step, key := e.step, e.key; ; step, key = Merged, 0 {
		id, err := k.put(ctx, next, step, key)
		if err != nil {
			return err
		}
		after, err := k.readWith(ctx, id)
		if err != nil {
			return err
		}
		next = after.trusted
		if top := after.versions[0]; top.trusted && top.keys.equal(next) {
			return nil
		}
		if len(after.versions) > len(before.versions)+2*convergeRounds {
			return fmt.Errorf("seal: %w", errUnsettled)
		}
	}
}

// readWith reads until the versions include one that was written: nothing promises that a
// vault lists it at once.
func (k *Keyring) readWith(ctx context.Context, id string) (view, error) {
	for range unseenReads {
		v, err := k.readLocked(ctx)
		if err != nil || slices.ContainsFunc(v.versions, func(listed version) bool { return listed.ID == id }) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return view{}, context.Cause(ctx)
		case <-time.After(unseenPause):
		}
	}
	return view{}, fmt.Errorf("seal: the vault does not list version %s of %s, which it has taken; try again", id, SecretName)
}

func (k *Keyring) put(ctx context.Context, next keys, step Step, key KeyID) (id string, err error) {
	encoded, err := next.encode()
	if err != nil {
		return "", err
	}
	defer clear(encoded)
	if id, err = k.source.Put(ctx, encoded, step, key); err != nil {
		return "", fmt.Errorf("seal: write %s: %w", SecretName, err)
	}
	return id, nil
}
