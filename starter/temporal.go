package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
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
	namespace string
	taskQueue string
	printer
}

// withTemporal connects, acts, and describes Temporal's errors with their fixes.
func (s settings) withTemporal(cmd *cobra.Command, do func(context.Context, *temporalApp) error) error {
	cfg := s.Starter
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
func (o *temporalApp) options(t target) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: t.id, TaskQueue: o.taskQueue, StaticSummary: "Keeps the " + t.tokens() + " alive"}
}

// warnOfIdleQueue tells a person where nobody will do the work. Temporal
// remembers a worker for some minutes after it has gone.
func (o *temporalApp) warnOfIdleQueue(ctx context.Context) {
	described, err := o.temporal.DescribeTaskQueue(ctx, o.taskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(described.GetPollers()) == 0 {
		o.warn("no worker listens on task queue %q; start one with: go run ./worker", o.taskQueue)
	}
}
