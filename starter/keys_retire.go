package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/seal"
)

// keysRetire is what keys retire prints as JSON.
type keysRetire struct {
	Key    seal.KeyID     `json:"key"`
	Status seal.KeyStatus `json:"status"`           // afterwards; empty for a key that is in no readable version
	Needed []keyUse       `json:"needed,omitempty"` // by what, where nothing was changed
	// Searched is where runs were looked for; zero where that was not reached.
	Searched searchedRuns `json:"searched,omitzero"`
	// Disabled are the versions that were readable before, which the vault keeps.
	Disabled []string `json:"disabledVersions,omitempty"`
}

func newKeysRetire(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retire KEY",
		Short: "Disable a key that nothing needs any more, and then destroy it",
		Long: `Disables a key: it stays in the keyset and opens nothing any more. --undo enables it
again. --destroy, once it is disabled, takes it out of the keyset and disables every
version of the secret but the one that it writes. Key Vault deletes no single version:
whoever may enable one can read the key until the secret as a whole is purged.

It changes nothing where the key is the primary one, or where something was sealed
with it that may have to be opened: by a run at work, or in an ended run whose pair
is not in the vault, or not known to be. It says which, and exits with 3; so it does
where it finds no run at all, which may be the wrong server, namespace or task queue.
Runs of another namespace or task queue that use the same vault are not seen.`,
		Example: `  starter keys retire 1234567890
  starter keys retire 1234567890 --destroy`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("which key? Give one number; " + command("keys", "status") + " shows them")}
			}
			return nil
		},
	}
	destroy := cmd.Flags().Bool("destroy", false, "take a disabled key out of the keyset and of all readable versions")
	undo := cmd.Flags().Bool("undo", false, "enable a disabled key again")
	noRuns := cmd.Flags().Bool("no-runs", false, "go on where no run is found: there is none that the key may have sealed for")
	yes := cmd.Flags().Bool("yes", false, "do not ask before --destroy")
	return keysCommand(cmd, environ, func(ctx context.Context, a keysApp, args []string) (keysRetire, error) {
		id, err := parseKey(args[0])
		if err == nil && *destroy && *undo {
			err = usageError{errors.New("--destroy and --undo do not go together")}
		}
		if err != nil {
			return keysRetire{}, err
		}
		return a.retire(ctx, id, retireOptions{destroy: *destroy, undo: *undo, noRuns: *noRuns, yes: *yes})
	})
}

// retireOptions are the flags of keys retire.
type retireOptions struct{ destroy, undo, noRuns, yes bool }

func (a keysApp) retire(ctx context.Context, id seal.KeyID, o retireOptions) (keysRetire, error) {
	before, err := a.readKeyset(ctx)
	if err != nil {
		return keysRetire{}, err
	}
	i := slices.IndexFunc(before.Keys, func(k seal.KeyReport) bool { return k.ID == id })
	if i < 0 {
		return keysRetire{}, fmt.Errorf("no readable version of %s holds key %d; %s shows the keys", seal.SecretName, id, command("keys", "status"))
	}
	key := before.Keys[i]
	answer := keysRetire{Key: id, Status: key.Status}
	switch {
	case key.Primary:
		return answer, fmt.Errorf("key %d: %w", id, seal.ErrPrimary)
	case o.undo:
		return a.restoreKey(ctx, answer)
	case !o.destroy && key.Status == seal.KeyUntrusted:
		return answer, fmt.Errorf("key %d comes from elsewhere and opens nothing; disable the versions that hold it with: %s", id, command("keys", "retire", fmt.Sprint(id), "--destroy"))
	case o.destroy && key.Status == seal.KeyEnabled:
		return answer, fmt.Errorf("key %d is not disabled; first: %s, and see for some time that nothing misses it", id, command("keys", "retire", fmt.Sprint(id)))
	}
	// A worker may seal with the key until it has read that another one does.
	for _, other := range before.Keys {
		if other.Primary && key.Status == seal.KeyEnabled {
			if err := a.awaitCaches(ctx, other.Promoted); err != nil {
				return answer, err
			}
		}
	}
	if err := a.checkUses(&answer, o.noRuns); err != nil {
		return answer, err
	}
	if o.destroy {
		return a.destroyKey(ctx, answer, before, o.yes)
	}
	if err := a.Keyring.Retire(ctx, id); err != nil {
		return answer, err
	}
	answer.Status = seal.KeyDisabled
	a.say("Key %d is disabled: it opens nothing any more, in workers within %s. Take that back with: %s", id, span(seal.RotationPause), command("keys", "retire", fmt.Sprint(id), "--undo"))
	a.say("Consents that were kept on other machines were not looked for. Once nothing misses the key: %s", command("keys", "retire", fmt.Sprint(id), "--destroy"))
	return answer, nil
}

func (a keysApp) restoreKey(ctx context.Context, answer keysRetire) (keysRetire, error) {
	if err := a.Keyring.Restore(ctx, answer.Key); err != nil {
		return answer, err
	}
	answer.Status = seal.KeyEnabled
	a.say("Key %d opens again; it does not seal.", answer.Key)
	return answer, nil
}

// checkUses fails where the answer's key is needed, or may be.
func (a keysApp) checkUses(answer *keysRetire, noRuns bool) error {
	id := answer.Key
	all, searched, err := a.uses()
	if err != nil {
		return fmt.Errorf("nothing was changed, because it is not known whether key %d is needed: %w", id, err)
	}
	answer.Searched = searched
	a.say("%s", searched)
	unclear := 0
	for _, use := range all {
		switch {
		case use.Key != id:
			continue
		case use.Unknown != "":
			unclear++
			a.say("Key %d may be needed: %s", id, use)
		default:
			a.say("Key %d is needed: %s", id, use)
		}
		answer.Needed = append(answer.Needed, use)
	}
	switch needed := len(answer.Needed) - unclear; {
	case needed > 0:
		return needsAttention{fmt.Sprintf("key %d is needed by %d envelopes; nothing was changed; let the runs end, find what ended runs have not stored with: %s, and try again", id, needed, command("recover"))}
	case unclear > 0:
		return needsAttention{fmt.Sprintf("it is not known whether key %d is needed by %d envelopes, because the vault cannot be read for their accounts; nothing was changed; mend what is said above, and try again", id, unclear)}
	case searched.Runs == 0 && !noRuns:
		return needsAttention{fmt.Sprintf("no run was found, so that it is not known whether key %d is needed; nothing was changed; set TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TOKENKEEPER_TASK_QUEUE to what the workers have, "+
			"or, where there really is none, add --no-runs", id)}
	}
	return nil
}

func (a keysApp) destroyKey(ctx context.Context, answer keysRetire, before seal.Report, yes bool) (keysRetire, error) {
	id := answer.Key
	for _, v := range before.Versions {
		if v.State == seal.VersionTrusted || v.State == seal.VersionElsewhere {
			answer.Disabled = append(answer.Disabled, v.ID)
		}
	}
	if !yes {
		a.say("This takes key %d out of the keyset and disables %d versions of %s. What was sealed with it can then be opened by nothing.", id, len(answer.Disabled), seal.SecretName)
		typed, err := a.prompter.readLine(ctx, fmt.Sprintf("Type %d to go on: ", id))
		switch {
		case errors.Is(err, errNoInput):
			return answer, usageError{errors.New("not confirmed, nothing was changed; type the key's number when asked, or add --yes")}
		case err != nil:
			return answer, err
		case typed != fmt.Sprint(id):
			return answer, fmt.Errorf("the answer is not %d; nothing was changed", id)
		}
	}
	if err := a.Keyring.Destroy(ctx, id); err != nil {
		return answer, err
	}
	answer.Status = ""
	a.say("Key %d is in no readable version any more. Disabled: %d versions, which Key Vault keeps: none can be deleted by itself.", id, len(answer.Disabled))
	a.say("Who may enable them can read the key. Only purging the whole secret ends that; docs/keyset.md has the steps and what they cost.")
	return answer, nil
}
