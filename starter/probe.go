package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/probe"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

type probeOptions struct {
	consentOptions
	file                       string
	yes, asJSON                bool
	maxWait                    time.Duration
	resourceURL, introspectURL string
}

func newProbe(environ map[string]string) *cobra.Command {
	var options probeOptions
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Measure how a provider treats refresh tokens",
		Long: `Measures a provider with a grant that may be thrown away, and prints the provider's
entry for the providers file, with the evidence as comments. It finds out:

  whether refresh tokens rotate
  whether the answer to a spent one is repeated, for how long, until what, and
    with which pause between
  what presenting a spent one costs: nothing, a refusal, or the grant
  how the provider says that a grant is dead, and which lifetimes it states
  with --resource-url or --introspect-url, whether a refresh ends the access
    token before it, and with the first whether its use ends the repeats

The grant comes from a consent, as with authorize, or from --file. Use a test user, and
no grant that anything lives on: it asks before each step that may cost the grant,
unless --yes is given. Nothing is stored, neither in the vault nor on disk, and the
vault is not needed. No token is printed.

A provider that is not built in needs an entry in the providers file first, with guesses
for what is to be measured. Progress goes to stderr, the entry to stdout.`,
		Example: `  starter probe --provider oura --client client.txt
  starter probe --provider example-health --file refresh-token.txt --client client.txt --yes > example-health.yaml`,
	}
	options.add(cmd)
	cmd.Flags().StringVar(&options.file, "file", "", "take the grant's refresh token from this `file` in place of a consent; - means stdin")
	cmd.Flags().BoolVar(&options.yes, "yes", false, "take every step without asking")
	cmd.Flags().DurationVar(&options.maxWait, "max-wait", 5*time.Minute, "wait no longer for the end of the time in which an answer is repeated, nor for all pauses that the provider asks for")
	cmd.Flags().StringVar(&options.resourceURL, "resource-url", "", "an API address at the provider that the grant's access token can read")
	cmd.Flags().StringVar(&options.introspectURL, "introspect-url", "", "the provider's introspection endpoint (RFC 7662)")
	output := outputFlag(cmd, "text")
	cmd.Flags().Lookup("client").Usage = "take client_id:client_secret from this `file` in place of asking for it; - means stdin"
	cmd = accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		if err := options.check(); err != nil {
			return err
		}
		if cmd.Flags().Changed("secrets-of") {
			return usageError{errors.New("--secrets-of means nothing here: probe reads and writes no secret in the vault")}
		}
		options.asJSON = *output == "json"
		app := &probeApp{
			printer: newPrinter(cmd), prompter: newPrompter(cmd), target: t, options: options,
			withTemporal: func(do func(context.Context, *temporalApp) error) error { return s.withTemporal(cmd, do) },
		}
		app.jsonOutput()
		return app.run(cmd.Context())
	})
	_ = cmd.Flags().MarkHidden("secrets-of") // which fails for a flag that is not there
	return cmd
}

func (o *probeOptions) check() error {
	if err := o.consentOptions.check(); err != nil {
		return err
	}
	switch {
	case o.file == "-" && o.client == "-":
		return usageError{errors.New("--file and --client are the same; stdin can be read for one of them only")}
	case o.file == "-" && !o.yes:
		return usageError{errors.New("--file - needs --yes, because the answers would be read from stdin as well")}
	case o.client == "-" && !o.yes:
		return usageError{errors.New("--client - needs --yes, because the answers would be read from stdin as well")}
	case o.maxWait < 0:
		return usageError{errors.New("--max-wait is negative")}
	case o.resourceURL != "" && o.introspectURL != "":
		return usageError{errors.New("--resource-url and --introspect-url do not go together; one of them is enough")}
	}
	for flag, address := range map[string]string{"--resource-url": o.resourceURL, "--introspect-url": o.introspectURL} {
		if address == "" {
			continue
		}
		if err := probe.CheckAddress(address); err != nil {
			return usageError{fmt.Errorf("%s %w", flag, err)}
		}
	}
	return nil
}

// probeApp measures one provider.
type probeApp struct {
	printer
	prompter *prompter
	target   target
	options  probeOptions
	// withTemporal is that of the settings.
	withTemporal func(do func(context.Context, *temporalApp) error) error
}

func (app *probeApp) run(ctx context.Context) error {
	client, err := app.chooseClient(ctx)
	if err != nil {
		return err
	}
	grant, err := app.obtainGrant(ctx, client)
	if err != nil {
		return err
	}
	p := app.target.Provider
	runner := probe.Runner{
		Presenter: probe.NewPresenter(p, client, nil, time.Now), Revokes: p.RevokeURL != "",
		Allow: app.allow, Say: app.say, Now: time.Now, Sleep: probe.Sleep, MaxWait: app.options.maxWait,
	}
	switch {
	case app.options.resourceURL != "":
		runner.Alive, runner.Uses = probe.ByResource(app.options.resourceURL), true
	case app.options.introspectURL != "":
		runner.Alive = probe.ByIntrospection(app.options.introspectURL, p, client)
	}
	found, err := runner.Run(ctx, grant)
	if ctx.Err() != nil {
		err = errInterrupted
	}
	if found.Refreshes == 0 {
		return fmt.Errorf("probe %s: nothing was measured, so that there is no entry: %w", p.Name, cmp.Or(err, errNoRefresh))
	}
	if err != nil {
		err = fmt.Errorf("probe %s: %w; what was measured until then is above", p.Name, err)
	}
	_, notBuiltIn := provider.Builtin().Lookup(p.Name)
	entry := found.Row(p, notBuiltIn == nil)
	if app.options.asJSON {
		return cmp.Or(err, app.json(probed{Provider: p.Name, Entry: entry, Error: describeFailure(err)}))
	}
	for text := range strings.SplitSeq(strings.TrimSuffix(entry, "\n"), "\n") {
		printLine(app.out, "%s", text)
	}
	return err
}

// probed is what probe prints with --output json.
type probed struct {
	Provider string           `json:"provider"`
	Entry    string           `json:"entry"` // for the providers file, in YAML
	Error    *failureDocument `json:"error,omitempty"`
}

// errNoRefresh: the first step was not allowed, which all others follow from.
var errNoRefresh = errors.New("a refresh was not allowed")

func (app *probeApp) chooseClient(ctx context.Context) (token.Client, error) {
	if app.options.client != "" {
		return app.prompter.readClient(ctx, app.options.client)
	}
	app.say("The credentials of your app at %s are needed.", app.target.Provider.Title)
	return app.prompter.askClient(ctx)
}

// obtainGrant returns the refresh token of a grant that may be thrown away.
func (app *probeApp) obtainGrant(ctx context.Context, client token.Client) (token.Secret, error) {
	if app.options.file != "" {
		text, err := app.prompter.readFile(ctx, app.options.file, "Refresh token, or a JSON answer (not shown): ")
		if err != nil {
			return token.Secret{}, fmt.Errorf("read the token: %w", err)
		}
		pair, err := consent.ParseTokens(text.Reveal(), time.Now())
		if err != nil {
			return token.Secret{}, fmt.Errorf("what was read is no token: %w", err)
		}
		return pair.RefreshToken, nil
	}
	app.say("Consent as a user whose grant may be thrown away.")
	var grant token.Secret
	asked := newAuthorization(app.printer, app.prompter, app.target, app.options.consentOptions, client)
	err := asked.run(ctx, func(ctx context.Context, redirect consent.Redirect, _ func()) error {
		exchanging, cancel := context.WithTimeout(ctx, exchangeTimeout)
		defer cancel()
		pair, err := provider.NewClient(nil).Exchange(exchanging, app.target.Provider, client, asked.request, redirect.Code)
		grant = pair.RefreshToken
		if err == nil {
			app.warnOfSameUser(pair.UserID)
		}
		return err
	}, func(err error) consent.Outcome {
		if err != nil {
			return outcomeOf(app.target.Provider.Title, false, err)
		}
		return consent.Outcome{Good: true, Title: "Thank you, that is all", Text: "The measurement goes on in the window of the program that asked. You can close this page."}
	})
	return grant, err
}

// warnOfSameUser warns where an account lives on a grant of the same user. Temporal is not
// needed otherwise, so that nothing is said where it does not know.
func (app *probeApp) warnOfSameUser(userID string) {
	if userID == "" {
		return
	}
	_ = app.withTemporal(func(ctx context.Context, t *temporalApp) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		others, err := t.accountsOfUser(ctx, token.Account{Provider: app.target.Account.Provider}, userID)
		if len(others) > 0 {
			app.warn("user %s of %s is behind %s already; what ends this grant may end the one there as well", userID, app.target.Provider.Title, names(others))
		}
		return err
	})
}

// allow asks whether a step may be taken.
func (app *probeApp) allow(ctx context.Context, step probe.Step) (bool, error) {
	if app.options.yes {
		return true, nil
	}
	app.say("Next: %s. It may cost something: %s.", step.Does, step.Costs)
	answer, err := app.prompter.readLine(ctx, "Type yes to go on, anything else to leave it out: ")
	if errors.Is(err, errNoInput) || errors.Is(err, io.EOF) {
		return false, usageError{errors.New("not confirmed; type yes when asked, or add --yes")}
	}
	return answer == "yes", err
}
