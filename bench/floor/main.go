// Command floor is the worker that the benchmark measures Token Keeper against: a
// workflow with three activities that do nothing, on the same SDK with the same
// options. It shows what Temporal itself costs.
//
// The Temporal CLI's variables configure it, and FLOOR_TASK_QUEUE.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func main() {
	if err := run(); err != nil {
		slog.Error("cannot work", "error", err)
		os.Exit(1)
	}
}

func run() error {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return err
	}
	options.Logger = log.NewStructuredLogger(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{} // as Token Keeper's worker has it
	c, err := client.Dial(options)
	if err != nil {
		return err
	}
	defer c.Close()
	worker.SetStickyWorkflowCacheSize(1000)
	w := worker.New(c, os.Getenv("FLOOR_TASK_QUEUE"), worker.Options{MaxConcurrentActivityExecutionSize: 200})
	w.RegisterWorkflow(Floor)
	w.RegisterActivity(First)
	w.RegisterActivity(Second)
	w.RegisterActivity(Third)
	return w.Run(worker.InterruptCh())
}

// Floor runs the three activities one after the other.
func Floor(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second},
	})
	for _, act := range []func(context.Context) error{First, Second, Third} {
		if err := workflow.ExecuteActivity(ctx, act).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// First does nothing.
func First(context.Context) error { return nil }

// Second does nothing.
func Second(context.Context) error { return nil }

// Third does nothing.
func Third(context.Context) error { return nil }
