package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/seal"
)

// keysRotate is what keys rotate prints as JSON.
type keysRotate struct {
	Key      seal.KeyID `json:"key,omitempty"` // the new primary key; zero where a dry run would make one
	Previous seal.KeyID `json:"previous"`
	Resumed  bool       `json:"resumed"` // another rotation had added the key
	Promoted bool       `json:"promoted"`
}

func newKeysRotate(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Have a new key seal, while workers run",
		Long: `Has a new key seal, in two steps: it adds the key, which opens and does not seal yet;
waits until every worker has read it (` + span(seal.RotationPause) + `: workers read the keyset at
least every minute); and makes it the primary one. So nothing is ever sealed with
a key that a running worker cannot open. Workers and runs go on meanwhile, and the
older keys stay to open what they have sealed.

It can be interrupted at any time: run again, it goes on with the key that it had
added. Where the current version has a primary key from elsewhere, it first puts
the trusted keys back on top; no key is removed by that.`,
	}
	dryRun := cmd.Flags().Bool("dry-run", false, "say what would be done, and change nothing")
	return keysCommand(cmd, environ, func(ctx context.Context, a keysApp, _ []string) (keysRotate, error) {
		return a.rotate(ctx, *dryRun)
	})
}

func (a keysApp) rotate(ctx context.Context, dryRun bool) (keysRotate, error) {
	before, err := a.readKeyset(ctx)
	if err != nil {
		return keysRotate{}, err
	}
	answer := keysRotate{Previous: before.Primary}
	var since time.Time
	if before.Elsewhere == nil {
		answer.Key, since, answer.Resumed = before.Pending()
	} else {
		a.say("Version %s has key %d as its primary one, from elsewhere. The trusted keys go on top of it; key %d stays out of them.", before.Elsewhere.ID, before.Elsewhere.Primary, before.Elsewhere.Primary)
	}
	if dryRun {
		a.sayPlan(answer)
		return answer, nil
	}
	if answer.Resumed {
		a.say("Key %d was added at %s by a rotation that has not ended; going on with it.", answer.Key, when(since, time.Now()))
	} else {
		if answer.Key, err = a.addKey(ctx); err != nil {
			return answer, err
		}
		a.say("Added key %d. It opens, and does not seal yet.", answer.Key)
	}
	if err := a.awaitCaches(ctx, since); err != nil {
		a.say("Interrupted. Key %d stays added and does not seal; go on with: %s", answer.Key, command("keys", "rotate"))
		return answer, err
	}
	return a.promote(ctx, answer)
}

func (a keysApp) sayPlan(answer keysRotate) {
	if answer.Resumed {
		a.say("Would go on with key %d, which a rotation has added.", answer.Key)
	} else {
		a.say("Would add a key.")
	}
	a.say("Would then wait up to %s, until every worker has read it, and have it seal in place of key %d, which stays to open. Nothing was changed.", span(seal.RotationPause), answer.Previous)
}

func (a keysApp) addKey(ctx context.Context) (seal.KeyID, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return a.Keyring.AddKey(ctx)
}

// promote reads the keyset once more, for much may have happened during the wait.
func (a keysApp) promote(ctx context.Context, answer keysRotate) (keysRotate, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	now, err := a.readKeyset(ctx)
	if err != nil {
		return answer, err
	}
	if err := troubleOf(now); err != nil {
		return answer, err
	}
	err = a.Keyring.Promote(ctx, answer.Key)
	switch {
	case errors.Is(err, seal.ErrUnknownKey):
		return answer, fmt.Errorf("%w; it was retired meanwhile; start over with: %s", err, command("keys", "rotate"))
	case err != nil:
		return answer, err
	}
	answer.Promoted = true
	a.audit(ctx, auditRotate, seal.SecretName, fmt.Sprintf("key %d seals in place of key %d", answer.Key, answer.Previous))
	a.say("Key %d seals from now on; workers follow within a minute. Key %d stays to open what it has sealed.", answer.Key, answer.Previous)
	a.say("See what was sealed with which key: %s. Once nothing needs it: %s", command("keys", "status"), command("keys", "retire", fmt.Sprint(answer.Previous)))
	return answer, nil
}
