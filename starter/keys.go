package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
)

// newKeys returns the commands about the keyset, which is one for all accounts of a vault.
func newKeys(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, rotate, retire and check the keyset that seals",
		Long: `The keyset is the secret ` + seal.SecretName + ` in the vault. Its primary key seals what
the runs carry through Temporal's histories; the others open what was sealed before.
Keys are named by their numbers, which are no secret. No command shows a key.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{errors.New("which? See " + command("keys", "--help"))}
		},
	}
	cmd.AddCommand(newKeysInit(environ), newKeysStatus(environ), newKeysRotate(environ), newKeysRetire(environ), newKeysVerify(environ))
	return cmd
}

// keysApp carries out the commands about the keyset.
type keysApp struct {
	*vaultApp
	providers provider.Table
	asJSON    bool
}

// keysCommand completes a command about the keyset. What do returns is printed where the
// output is to be JSON, also beside an error.
func keysCommand[Answer any](cmd *cobra.Command, environ map[string]string, do func(context.Context, keysApp, []string) (Answer, error)) *cobra.Command {
	output := outputFlag(cmd, "text")
	if cmd.Args == nil {
		cmd.Args = noArgs
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		cfg, err := config.LoadStarterWithVault(environ)
		providers, providersErr := provider.Load(cfg.ProvidersFile)
		if providersErr != nil {
			err = errors.Join(err, usageError{providersErr})
		}
		if err != nil {
			return err
		}
		s := settings{cfg, environ, providers}
		return s.withVault(cmd, func(ctx context.Context, a *vaultApp) error {
			if *output == "json" {
				a.jsonOutput()
			}
			answer, err := do(ctx, keysApp{a, providers, *output == "json"}, args)
			if ctx.Err() != nil {
				return errInterrupted
			}
			var attention needsAttention
			if *output == "json" && (err == nil || errors.As(err, &attention)) {
				err = errors.Join(a.json(answer), err)
			}
			return err
		})
	}
	return cmd
}

// readKeyset reports on the keyset. That there is none has its fix in the error.
func (a keysApp) readKeyset(ctx context.Context) (seal.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return a.Keyring.Inspect(ctx)
}

// keysInit is what keys init prints as JSON.
type keysInit struct {
	Primary   seal.KeyID `json:"primary"`
	Created   bool       `json:"created"`
	Recovered bool       `json:"recovered"` // it was soft-deleted
}

func newKeysInit(environ map[string]string) *cobra.Command {
	return keysCommand(&cobra.Command{
		Use:   "init",
		Short: "Make the keyset where the vault has none",
		Long: `Makes the keyset where the vault has none, as the first worker does. An existing one
is left as it is, also one that cannot be read: envelopes may depend on it. One
that is soft-deleted is brought back.`,
	}, environ, func(ctx context.Context, a keysApp, _ []string) (keysInit, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return a.init(ctx)
	})
}

func (a keysApp) init(ctx context.Context) (answer keysInit, err error) {
	if answer.Recovered, err = a.Keysets.Recover(ctx); err != nil {
		return answer, err
	}
	if answer.Created, err = a.Keyring.Create(ctx); err != nil {
		return answer, err
	}
	report, err := a.readKeyset(ctx)
	if err != nil {
		return answer, err
	}
	answer.Primary = report.Primary
	switch {
	case answer.Recovered:
		a.say("%s was soft-deleted and is back, with all its versions; key %d seals.", seal.SecretName, report.Primary)
	case answer.Created:
		a.say("Made %s; key %d seals.", seal.SecretName, report.Primary)
	default:
		a.say("%s is there already and was left as it is; key %d seals.", seal.SecretName, report.Primary)
	}
	return answer, troubleOf(report)
}

// troubleOf is what is wrong with a keyset that can be read; nil for nothing.
func troubleOf(r seal.Report) error {
	switch {
	case r.Elsewhere != nil:
		return needsAttention{fmt.Sprintf("version %s of %s has key %d as its primary one, which no version that is trusted holds; nothing is sealed with it and runs wait; "+
			"find out who wrote it, then put the trusted keys back on top with: %s", r.Elsewhere.ID, seal.SecretName, r.Elsewhere.Primary, command("keys", "rotate"))}
	case r.Malformed:
		return needsAttention{fmt.Sprintf("version %s, the current one of %s, is no keyset, and an older version is used; find out who wrote it, then disable it with: %s",
			r.Versions[0].ID, seal.SecretName, disableVersion(r.Versions[0].ID))}
	}
	return nil
}

// disableVersion is the command with which an owner disables a version of the keyset.
func disableVersion(id string) string {
	return shell("az", "keyvault", "secret", "set-attributes", "--vault-name", "VAULT", "--name", seal.SecretName, "--version", id, "--enabled", "false")
}

// clocksApart is how far this machine's clock and the vault's may be apart. Where a time of
// the vault's decides how long to wait, less than that is not believed.
const clocksApart = 5 * time.Minute

// progressEvery is how often a wait says how long it still takes.
const progressEvery = 15 * time.Second

// awaitCaches waits until every worker that reaches the vault has read what it has had
// since the given time; zero means since now.
func (a keysApp) awaitCaches(ctx context.Context, since time.Time) error {
	if !since.IsZero() && time.Since(since) > seal.RotationPause+clocksApart {
		return nil
	}
	a.say("Workers read the keyset again within %s; waiting for that.", span(seal.RotationPause))
	end := time.Now().Add(seal.RotationPause)
	for {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-time.After(min(left, progressEvery)):
		}
		if left = time.Until(end); left > time.Second {
			a.say("  %s left", span(left))
		}
	}
}

// parseKey reads a key's number from the command line.
func parseKey(text string) (seal.KeyID, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, usageError{fmt.Errorf("%q is no key's number; %s shows them", text, command("keys", "status"))}
	}
	return seal.KeyID(id), nil
}
