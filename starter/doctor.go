package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// partTimeout bounds the checks of one part.
const partTimeout = 40 * time.Second

// verdict is the outcome of one check.
type verdict string

const (
	fine    verdict = "ok"
	problem verdict = "problem"
	skipped verdict = "skipped"
)

// finding is what one check of doctor found.
type finding struct {
	Part    string  `json:"part"`
	Check   string  `json:"check"`
	Verdict verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Fix     string  `json:"fix,omitempty"`
}

// findings are those of one part, in the order of its checks.
type findings struct {
	part string
	all  []finding
}

func (f *findings) add(check string, v verdict, detail, fix string) {
	f.all = append(f.all, finding{f.part, check, v, detail, fix})
}

func (f *findings) ok(check, format string, args ...any) {
	f.add(check, fine, fmt.Sprintf(format, args...), "")
}

func (f *findings) skip(check, why string) { f.add(check, skipped, why, "") }

// wrong adds a problem that an error tells, whose fix follows a semicolon.
func (f *findings) wrong(check string, err error) {
	var refused *vault.Error
	if errors.As(err, &refused) && refused.Fix != "" {
		withoutFix := *refused
		withoutFix.Fix = ""
		f.add(check, problem, withoutFix.Error(), refused.Fix)
		return
	}
	detail, fix, _ := strings.Cut(err.Error(), "; ")
	f.add(check, problem, detail, fix)
}

// doctor looks at everything that a refresh needs. Its parts know nothing of each other but
// the connection to Temporal, and each goes on where another has found a problem.
type doctor struct {
	environ map[string]string
	starter config.Starter
	// configErr and vaultErr are what is wrong in the environment without the vault's part,
	// and in that.
	configErr, vaultErr error
	providers           provider.Table
	providersErr        error
	target              *target // nil where no account was named
	issuer              string  // that was named; empty for none

	dial func() (client.Client, error)
}

// parts are what doctor looks at, in the order in which it prints.
var parts = []struct {
	name  string
	check func(*doctor, context.Context, *findings)
}{
	{"configuration", (*doctor).checkConfiguration},
	{"temporal", (*doctor).checkTemporal},
	{"vault", (*doctor).checkVault},
	{"keyset", (*doctor).checkKeyset},
	{"provider", (*doctor).checkProviders},
	{"webhook", (*doctor).checkWebhooks},
	{"local", (*doctor).checkLocal},
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

func newDoctor(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find what is wrong around the workers, with the fix",
		Long: `Looks, with this machine's configuration and identity, at everything that a refresh
needs, and prints for each check what it found and what mends it:

  configuration  the variables and the providers file
  temporal       reach, TLS and key, namespace, retention, search attributes, workers on
                 each queue, the current and the ramping version, clock
  vault          reach, identity or network, reading, writing, numbers of versions, clock
  keyset         that seals what Temporal keeps
  provider       reach and clock of the token endpoints in use; no credential is sent
  webhook        each receiver of alerts takes a test event
  local          the folder for consents that are not in the vault yet

It spends and changes no token. To see that the vault takes new versions it writes one of
the secret ` + probeSecret + `, which nothing reads. Where roles are given on single secrets,
name an account: then the account's access token is written again as it is.

Run it where a worker runs, with the worker's environment, to see with the worker's
identity. Exits with 3 where there is a problem.`,
		Example: `  starter doctor
  starter doctor --only temporal,vault --output json
  starter doctor --account will --provider google-health`,
		Args: noArgs,
	}
	name := cmd.Flags().String("account", token.DefaultAccount, "look at this account's secrets as well, and write its access token again")
	issuer := cmd.Flags().String("provider", token.DefaultProvider, "the account's provider, which is looked at as well")
	secretsOf := cmd.Flags().String("secrets-of", "", "the provider whose names the account's secrets have (after migrate: fitbit)")
	only := cmd.Flags().StringSlice("only", nil, "look at these parts only: "+strings.Join(partNames(), ", "))
	output := outputFlag(cmd, "text")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, part := range *only {
			if !slices.Contains(partNames(), part) {
				return usageError{fmt.Errorf("--only is %q; use one or more of %s", part, strings.Join(partNames(), ", "))}
			}
		}
		d := newPatient(environ)
		given := cmd.Flags().Changed
		if given("provider") {
			d.issuer = *issuer
		}
		if given("account") || given("secrets-of") || given("provider") && d.providersErr == nil {
			t, err := newTarget(d.providers, *issuer, *name, *secretsOf)
			if err != nil && d.providersErr == nil {
				return usageError{err}
			}
			if err == nil && (given("account") || given("secrets-of")) {
				d.target = &t
			}
		}
		p := newPrinter(cmd)
		if *output == "json" {
			p.jsonOutput()
		}
		return d.examine(cmd.Context(), &p, *only, *output == "json")
	}
	return cmd
}

// newPatient reads the configuration, and keeps what is wrong with it for the first part.
func newPatient(environ map[string]string) *doctor {
	d := &doctor{environ: environ}
	whole, err := config.LoadStarterWithVault(environ)
	if d.starter = whole; err != nil {
		d.starter, d.configErr = config.LoadStarter(environ)
		d.vaultErr = err
	}
	if d.providers, d.providersErr = provider.Load(d.starter.ProvidersFile); d.providersErr == nil {
		d.providersErr = vault.CheckTable(d.providers)
	}
	d.dial = sync.OnceValues(func() (client.Client, error) { return dialTemporal(context.Background(), d.starter.Temporal) })
	return d
}

// examination is what doctor prints as JSON.
type examination struct {
	Problems int       `json:"problems"`
	Checks   []finding `json:"checks"`
}

// examine looks at all parts at once, and prints each when those before it are printed.
func (d *doctor) examine(ctx context.Context, p *printer, only []string, asJSON bool) error {
	results := map[string]chan []finding{}
	for _, part := range parts {
		if len(only) > 0 && !slices.Contains(only, part.name) {
			continue
		}
		done := make(chan []finding, 1)
		results[part.name] = done
		go func() {
			ctx, cancel := context.WithTimeout(ctx, partTimeout)
			defer cancel()
			f := &findings{part: part.name}
			part.check(d, ctx, f)
			done <- f.all
		}()
	}
	defer d.hangUp(slices.Sorted(maps.Keys(results)))
	answer := examination{Checks: []finding{}}
	for _, part := range parts {
		done := results[part.name]
		if done == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case found := <-done:
			answer.Checks = append(answer.Checks, found...)
			if !asJSON {
				p.sayPart(part.name, found)
			}
		}
	}
	for _, f := range answer.Checks {
		if f.Verdict == problem {
			answer.Problems++
		}
	}
	var err error
	if asJSON {
		err = p.json(answer)
	}
	if answer.Problems > 0 {
		return errors.Join(err, needsAttention{fmt.Sprintf("%d problems in %d checks", answer.Problems, len(answer.Checks))})
	}
	p.say("No problem in %d checks.", len(answer.Checks))
	return err
}

// hangUp closes the connection to Temporal, where one of the parts may have made it.
func (d *doctor) hangUp(looked []string) {
	if !slices.Contains(looked, "temporal") && !slices.Contains(looked, "provider") {
		return
	}
	if c, err := d.dial(); err == nil {
		c.Close()
	}
}

func (p *printer) sayPart(name string, found []finding) {
	p.say("%s", name)
	for _, f := range found {
		p.say("  %-8s %s: %s", f.Verdict, f.Check, f.Detail)
		if f.Fix != "" {
			p.say("  %-8s fix: %s", "", f.Fix)
		}
	}
}
