package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/token"
)

type importOptions struct {
	file, client string
	replace      bool
	sameUser     bool
	bulk         bulkOptions
}

func newImport(environ map[string]string) *cobra.Command {
	var options importOptions
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Put a refresh token that you have into the vault",
		Long: `Puts a refresh token that came from elsewhere into the vault, as the consent of
an account: a refresh token alone, or a provider's JSON answer with one in it.
It is read from stdin, which a terminal does not show, or from a file. There is
no flag for it: other users of a machine see the arguments of a program.

Where the vault holds a usable refresh token of the account, import asks before it
replaces that, or wants --replace. A running refresh does not overwrite the imported
token. A JSON answer that names a user who is behind another account is asked about
as well, or wants --same-user. Nothing else may go on using it: at most providers it works once. Of a JSON
answer, the access token is taken as well if it has an expires_at; of one with
expires_in alone, the next refresh writes another.

--accounts imports many. It can be interrupted and repeated: a token that is in the
vault, or that what is there came from, is left alone. A row that fails leaves the
others alone. It writes two accounts a second, to leave the fleet its part of the
vault's quota. ` + rowsFile,
		Example: `  starter import --account will < refresh-token.txt
  starter import --account will --file tokens.json --replace
  starter import --accounts tokens.csv --dry-run`,
	}
	cmd.Flags().StringVar(&options.file, "file", "-", "read the token from this `file`; - means stdin")
	cmd.Flags().StringVar(&options.client, "client", "", "store client_id:client_secret from this `file` as well; - means stdin")
	cmd.Flags().BoolVar(&options.sameUser, sameUserFlag[2:], false, sameUserUsage)
	cmd.Flags().BoolVar(&options.replace, "replace", false, "replace a usable refresh token without asking")
	cmd.Flags().StringVar(&options.bulk.file, "accounts", "", "import the tokens of the many accounts in this `file`; - means stdin")
	cmd.Flags().BoolVar(&options.bulk.dryRun, "dry-run", false, "with --accounts: show what would be done, and touch nothing")
	output := outputFlag(cmd, "text")
	return accountCommand(cmd, environ, config.LoadStarterWithVault, func(s settings, t target) error {
		if options.bulk.file != "" {
			options.bulk.asJSON = *output == "json"
			if err := refuseBeside(cmd, "account", "secrets-of", "file", "client"); err != nil {
				return err
			}
			return s.withVault(cmd, func(ctx context.Context, a *vaultApp) error { return a.importMany(ctx, cmd, s, t, options) })
		}
		if options.bulk.dryRun {
			return errDryRunOfOne
		}
		if options.file == options.client {
			return usageError{errors.New("--file and --client are the same; stdin and a file can be read for one of them only")}
		}
		return s.withVault(cmd, func(ctx context.Context, a *vaultApp) error {
			flow := consentFlow{vaultApp: a, target: t, resumeCommand: t.command("authorize")}
			if err := flow.importTokens(ctx, options); err != nil {
				return err
			}
			a.goOn(ctx, t)
			return nil
		})
	})
}

// importTokens stores tokens that were issued elsewhere.
func (f *consentFlow) importTokens(ctx context.Context, options importOptions) error {
	f.unsaved = notices{whileStoring: "Ctrl-C ends it; then import again.", notStored: "The token may not be in the vault. Import it again."}
	err := f.preflight(ctx)
	if err == nil {
		err = f.refusePending(ctx, f.target, "import", f.existing.RefreshToken)
	}
	if err == nil && options.client != "" {
		f.pending.Client, err = f.prompter.readClient(ctx, options.client)
	}
	if err != nil {
		return err
	}
	text, err := f.prompter.readFile(ctx, options.file, "Refresh token, or a JSON answer (not shown): ")
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	if f.pending.Pair, err = consent.ParseTokens(text.Reveal(), time.Now()); err != nil {
		return fmt.Errorf("what was read is no token: %w", err)
	}
	if err := f.checkUser(); err != nil {
		return err
	}
	if !options.replace && replaces(f.pending.RefreshToken.Fingerprint(), f.existing) {
		if err := f.confirmReplacement(ctx); err != nil {
			return err
		}
	}
	if others := f.warnOfSameUser(ctx); len(others) > 0 && !options.sameUser {
		if err := f.confirm(ctx, f.target, "import a token of the user of "+names(others), sameUserFlag); err != nil {
			return err
		}
	}
	f.audited = auditImport
	f.savePending(ctx)
	if err := f.storePending(ctx); err != nil {
		return err
	}
	if f.superseded {
		return fmt.Errorf("this token of %s was in the vault before, and something newer is there; nothing was changed", f.target)
	}
	if f.existing.Client.ID == "" && f.pending.Client.ID == "" {
		f.warn("the vault has no %s, without which nothing is refreshed; import again with --client FILE", f.target.clientSecrets())
	}
	return nil
}

// replaces reports whether an imported token would take the place of a usable one,
// another provider's included. It does not where it is the one in force, or where that
// descends from it.
func replaces(imported token.Fingerprint, existing consent.Existing) bool {
	current := existing.RefreshToken
	return existing.OtherProvider != nil || current.Fingerprint != "" && current.Fingerprint != imported && current.Consent != imported
}

func (f *consentFlow) confirmReplacement(ctx context.Context) error {
	current := f.existing.RefreshToken
	if f.existing.OtherProvider != nil {
		f.say("This replaces another provider's token: %v.", f.existing.OtherProvider)
		return f.confirm(ctx, f.target, "import over another provider's token in "+f.target.Names.RefreshToken, "--replace")
	}
	since := "at an unknown time"
	if !current.ObtainedAt.IsZero() {
		since = when(current.ObtainedAt, time.Now())
	}
	held := fmt.Sprintf("generation %d of %s (fingerprint %s, obtained %s)", current.Generation, f.target, current.Fingerprint, since)
	f.say("This replaces %s. A run in flight yields to the imported token, and the next refresh spends it.", held)
	return f.confirm(ctx, f.target, "import over "+held, "--replace")
}
