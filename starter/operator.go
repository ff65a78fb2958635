package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

const (
	// dialTimeout is how long a person waits for a server that is not there.
	dialTimeout = 5 * time.Second
	// callTimeout bounds what is asked of a server that does answer.
	callTimeout = 30 * time.Second
)

// temporalApp carries out commands at one Temporal namespace.
type temporalApp struct {
	temporal  client.Client
	providers provider.Table
	namespace string
	taskQueue string
	printer
}

// withTemporal connects, acts and turns Temporal's errors into words for people.
func withTemporal(cmd *cobra.Command, environ map[string]string, do func(context.Context, *temporalApp) error) error {
	cfg, err := config.LoadStarter(environ)
	providers, providersErr := provider.Load(cfg.ProvidersFile)
	if err := errors.Join(err, providersErr); err != nil {
		return err
	}
	cfg.Temporal.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	at := server{address: cfg.Temporal.HostPort, namespace: cfg.Temporal.Namespace}
	dialing, stop := context.WithTimeout(cmd.Context(), dialTimeout)
	defer stop()
	c, err := client.DialContext(dialing, cfg.Temporal)
	if err != nil {
		return at.describeError(err)
	}
	defer c.Close()
	return at.describeError(do(cmd.Context(), &temporalApp{
		temporal:  c,
		providers: providers,
		namespace: cfg.Temporal.Namespace,
		taskQueue: cfg.TaskQueue,
		printer: printer{
			out: cmd.OutOrStdout(), notes: cmd.OutOrStdout(), warnings: cmd.ErrOrStderr(),
			webUI: cfg.WebUI, namespace: cfg.Temporal.Namespace,
		},
	}))
}

// options are those of every workflow that keeps an account alive. There are no
// timeouts among them: a run that holds a pair keeps it until it is stored.
func (o *temporalApp) options(a token.Account) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: workflows.ID(a), TaskQueue: o.taskQueue, StaticSummary: o.summary(a)}
}

// inputFor leaves out what the workflow takes for granted.
func inputFor(a token.Account) workflows.Input {
	var in workflows.Input
	if !a.IsDefault() {
		in.Account = a.Name
	}
	if a.Provider != token.DefaultProvider {
		in.Provider = a.Provider
	}
	in.SecretsOf = a.SecretsOf
	return in
}

// summary is what the Web UI shows beside the workflow's id.
func (o *temporalApp) summary(a token.Account) string { return "Keeps the " + o.tokensOf(a) + " alive" }

// tokensOf names an account's tokens to a person.
func (o *temporalApp) tokensOf(a token.Account) string {
	title := a.Provider // of a provider that only the worker knows
	if known, err := o.providers.Lookup(a.Provider); err == nil {
		title = known.Title
	}
	if a.IsDefault() {
		return title + " tokens of the default account"
	}
	return title + " tokens of " + a.Name
}

// warnOfIdleQueue tells a person where nobody will do the work. Temporal
// remembers a worker for some minutes after it has gone.
func (o *temporalApp) warnOfIdleQueue(ctx context.Context) {
	described, err := o.temporal.DescribeTaskQueue(ctx, o.taskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(described.GetPollers()) == 0 {
		o.warn("no worker listens on task queue %q; start one with: go run ./worker", o.taskQueue)
	}
}
