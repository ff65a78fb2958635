// Command simprovider runs the provider simulator of package authserver as a process,
// until SIGTERM or SIGINT. Below /_sim/ it serves what the library offers to tests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv("SIM_CLIENT_SECRET"), os.Stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "simprovider:", err)
	os.Exit(1)
}

// run serves until the context ends.
func run(ctx context.Context, args []string, secret string, out io.Writer) error {
	c, err := parseFlags(args, secret, out)
	if err != nil {
		return err
	}
	if c.healthy {
		return checkHealth(ctx, c.options.Listen)
	}
	server, err := authserver.Start(c.options)
	if err != nil {
		return err
	}
	defer server.Close()
	if c.urlFile != "" {
		if err := writeURL(c.urlFile, server.URL()); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintf(out, "simprovider: client %s is registered at %s\n", server.Client().ID, server.URL())
	<-ctx.Done()
	return nil
}

type command struct {
	options authserver.Options
	urlFile string
	healthy bool
}

func parseFlags(args []string, secret string, out io.Writer) (command, error) {
	var c command
	o := &c.options
	flags := flag.NewFlagSet("simprovider", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:0", "`address` to serve http on")
	flags.StringVar(&c.urlFile, "url-file", "", "`file` that receives the base URL once the server listens")
	o.Provider = authserver.Fitbit()
	flags.Func("provider", "`name` of the provider to simulate, such as withings; a wrong one lists all (default fitbit)", func(name string) (err error) {
		o.Provider, err = authserver.ProviderOf(name)
		return err
	})
	flags.DurationVar(&o.ReplayWindow, "replay-window", 0, "how long an identical refresh repeats its answer; 0 never (default the provider's)")
	flags.DurationVar(&o.AccessTokenLifetime, "access-token-lifetime", 0, "how long an access token works (default the provider's)")
	flags.DurationVar(&o.RepeatPause, "repeat-pause", 0, "how long the same token request is refused after it was made; 0 not at all (default the provider's)")
	flags.BoolVar(&c.healthy, "healthy", false, "ask the simulator at -listen whether it serves, and end")
	flags.BoolVar(&o.ReuseRevokes, "reuse-revokes", false, "presenting a spent refresh token outside the window ends the grant")
	flags.BoolVar(&o.Rotating, "rotating", false, "the application has opted into rotation, where the provider leaves that to it")
	flags.StringVar(&o.Portal, "portal", "", "`name` of the portal where the client is registered, where the provider has several")
	flags.StringVar(&o.TokenPrefix, "token-prefix", "fake-", "what every token begins with")
	flags.StringVar(&o.Client.ID, "client-id", "", "registered client; without a secret it is a public one (default: "+authserver.DefaultClient().ID+" and a well-known fake secret)")
	secretFile := flags.String("client-secret-file", "", "`file` with the client's secret (default: the variable SIM_CLIENT_SECRET)")
	flags.Func("redirect-uri", "registered redirect `URI`; may be repeated", func(uri string) error {
		o.Client.RedirectURIs = append(o.Client.RedirectURIs, uri)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if *secretFile != "" {
		content, err := os.ReadFile(*secretFile)
		if err != nil {
			return c, fmt.Errorf("-client-secret-file: %w", err)
		}
		secret = strings.TrimSpace(string(content))
		if secret == "" {
			return c, fmt.Errorf("-client-secret-file: %s is empty; leave the flag out for a public client", *secretFile)
		}
	}
	o.Client.Secret = token.NewSecret(secret)
	if err := checkOptions(flags, c.options); err != nil {
		return c, err
	}
	if isGiven(flags, "replay-window") && o.ReplayWindow == 0 {
		o.ReplayWindow = authserver.NoReplay
	}
	if isGiven(flags, "repeat-pause") && o.RepeatPause == 0 {
		o.RepeatPause = authserver.NoPause
	}
	return c, nil
}

func isGiven(flags *flag.FlagSet, name string) (given bool) {
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

func checkOptions(flags *flag.FlagSet, o authserver.Options) error {
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q; everything is a flag, see -help", flags.Arg(0))
	case o.Client.ID == "" && !o.Client.Secret.Empty():
		return errors.New("a client secret without -client-id; name the client that it belongs to")
	case o.ReplayWindow < 0:
		return fmt.Errorf("-replay-window %v is negative; use 0 for a provider that never replays", o.ReplayWindow)
	case o.RepeatPause < 0:
		return fmt.Errorf("-repeat-pause %v is negative; use 0 for a provider that can be asked again at once", o.RepeatPause)
	case isGiven(flags, "access-token-lifetime") && o.AccessTokenLifetime < time.Second:
		return fmt.Errorf("-access-token-lifetime %v is too short; use at least 1s", o.AccessTokenLifetime)
	}
	return nil
}

// checkHealth is a container's health check.
func checkHealth(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err := authserver.Control{URL: "http://" + address}.Stats(ctx)
	if err != nil {
		return fmt.Errorf("-healthy: no simulator answers at %s: %w", address, err)
	}
	return nil
}

// writeURL writes in one step, so that a reader that waits for the file never
// reads half of it.
func writeURL(file, url string) error {
	half := file + ".tmp"
	if err := os.WriteFile(half, []byte(url+"\n"), 0o644); err != nil {
		return fmt.Errorf("-url-file: %w", err)
	}
	if err := os.Rename(half, file); err != nil {
		return fmt.Errorf("-url-file: %w", err)
	}
	return nil
}
