package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc/codes"

	"tokenkeeper/internal/provider"
)

const (
	// dialTimeout bounds the wait for a server that does not answer.
	dialTimeout = 5 * time.Second
	// callTimeout bounds the calls of one step to a server that does answer.
	callTimeout = 30 * time.Second
	// maxConcurrent bounds the calls that are in flight at a time.
	maxConcurrent = 16
)

// temporalApp carries out commands in one Temporal namespace.
type temporalApp struct {
	temporal  client.Client
	address   string
	namespace string
	taskQueue string
	providers provider.Table
	printer

	// attributes are those that the namespace has, once they were asked for.
	attributes func(context.Context) (startAttributes, error)
	ended      *endedAccounts
}

func (app *temporalApp) server() server { return server{app.address, app.namespace} }

// withTemporal connects, acts, and describes Temporal's errors with their fixes.
func (s settings) withTemporal(cmd *cobra.Command, do func(context.Context, *temporalApp) error) error {
	options := s.Temporal
	at := server{address: options.HostPort, namespace: options.Namespace}
	c, err := dialTemporal(cmd.Context(), options)
	if err != nil {
		return at.describeError(err)
	}
	defer c.Close()
	p := newPrinter(cmd)
	p.webUI, p.namespace = s.WebUI, options.Namespace
	app := &temporalApp{temporal: c, address: options.HostPort, namespace: options.Namespace, taskQueue: s.TaskQueue, providers: s.providers, printer: p}
	app.attributes = app.askOnceForAttributes()
	app.ended = &endedAccounts{}
	defer app.settleEnded(cmd.Context(), s.auditor)
	return at.describeError(do(cmd.Context(), app))
}

// dialTemporal connects without a word in any log.
func dialTemporal(ctx context.Context, options client.Options) (client.Client, error) {
	options.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	dialing, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	c, err := client.DialContext(dialing, options)
	if code := grpcCode(err); code == codes.Unavailable || code == codes.DeadlineExceeded {
		if cause := connect(ctx, options); cause != nil {
			return nil, serviceerror.NewUnavailable(cause.Error())
		}
	}
	return c, err
}

// options are those of every workflow that keeps an account alive. They set no
// timeouts: a run that holds a pair keeps it until the vault has it.
func (app *temporalApp) options(ctx context.Context, t target) (client.StartWorkflowOptions, error) {
	has, err := app.attributes(ctx)
	return client.StartWorkflowOptions{
		ID: t.id, TaskQueue: app.taskQueue, StaticSummary: "Keeps the " + t.tokens() + " alive",
		TypedSearchAttributes: has.of(t),
	}, err
}

// warnOfIdleQueue warns where no worker polls the task queue. Temporal remembers a
// worker for some minutes after it has gone.
func (app *temporalApp) warnOfIdleQueue(ctx context.Context) {
	described, err := app.temporal.DescribeTaskQueue(ctx, app.taskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(described.GetPollers()) == 0 {
		app.warn("no worker listens on task queue %q; start one with: %s", app.taskQueue, workerProgram())
	}
}

// describeSchedule returns nil for a Schedule that does not exist.
func (app *temporalApp) describeSchedule(ctx context.Context, id string) (*client.ScheduleDescription, error) {
	described, err := app.temporal.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
	if gone(err) {
		return nil, nil
	}
	return described, err
}

// gone reports whether Temporal does not know what it was asked for.
func gone(err error) bool {
	var none *serviceerror.NotFound
	return errors.As(err, &none)
}
