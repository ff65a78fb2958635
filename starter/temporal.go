package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	attributes func(context.Context) startAttributes
}

func (app *temporalApp) server() server { return server{app.address, app.namespace} }

// withTemporal connects, acts, and describes Temporal's errors with their fixes.
func (s settings) withTemporal(cmd *cobra.Command, do func(context.Context, *temporalApp) error) error {
	options := s.Temporal
	options.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	at := server{address: options.HostPort, namespace: options.Namespace}
	dialing, stop := context.WithTimeout(cmd.Context(), dialTimeout)
	defer stop()
	c, err := client.DialContext(dialing, options)
	if err != nil {
		return at.describeError(err)
	}
	defer c.Close()
	p := newPrinter(cmd)
	p.webUI, p.namespace = s.WebUI, options.Namespace
	app := &temporalApp{temporal: c, address: options.HostPort, namespace: options.Namespace, taskQueue: s.TaskQueue, providers: s.providers, printer: p}
	app.attributes = app.askOnceForAttributes()
	return at.describeError(do(cmd.Context(), app))
}

// options are those of every workflow that keeps an account alive. They set no
// timeouts: a run that holds a pair keeps it until the vault has it.
func (app *temporalApp) options(ctx context.Context, t target) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: t.id, TaskQueue: app.taskQueue, StaticSummary: "Keeps the " + t.tokens() + " alive",
		TypedSearchAttributes: app.attributes(ctx).of(t),
	}
}

// warnOfIdleQueue warns where no worker polls the task queue. Temporal remembers a
// worker for some minutes after it has gone.
func (app *temporalApp) warnOfIdleQueue(ctx context.Context) {
	described, err := app.temporal.DescribeTaskQueue(ctx, app.taskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(described.GetPollers()) == 0 {
		app.warn("no worker listens on task queue %q; start one with: go run ./worker", app.taskQueue)
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

// server names the Temporal server and namespace of a command in its errors.
type server struct{ address, namespace string }

// describeError returns Temporal's error in one sentence with its fix. Other
// errors are returned as they are.
func (s server) describeError(err error) error {
	if err == nil || errors.Is(err, errInterrupted) {
		return err
	}
	if errors.Is(err, context.Canceled) || grpcCode(err) == codes.Canceled {
		return errInterrupted
	}
	var missing *serviceerror.NamespaceNotFound
	if errors.As(err, &missing) {
		return fmt.Errorf("namespace %q is unknown to Temporal at %s; set TEMPORAL_NAMESPACE to the right one, or create it with: %s",
			s.namespace, s.address, shell("temporal", "operator", "namespace", "create", "--namespace", s.namespace))
	}
	cause := layers.ReplaceAllString(err.Error(), "")
	switch grpcCode(err) {
	case codes.Unimplemented:
		return s.notTemporal(cause)
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("temporal at %s refuses access to namespace %q (%s); check TEMPORAL_API_KEY or the client's certificate, and TEMPORAL_NAMESPACE", s.address, s.namespace, cause)
	case codes.Unavailable, codes.DeadlineExceeded:
		switch {
		case strings.Contains(cause, "handshake failed"):
			return fmt.Errorf("cannot agree on TLS with Temporal at %s (%s); check TEMPORAL_TLS and the certificates that TEMPORAL_TLS_* name", s.address, cause)
		case strings.Contains(cause, "server preface"):
			return s.notTemporal(cause)
		}
		return fmt.Errorf("no Temporal server answers at %s (%s); if it should be this machine, start one with: temporal server start-dev; otherwise set TEMPORAL_ADDRESS", s.address, cause)
	case codes.OK, codes.Unknown:
		return err
	}
	return fmt.Errorf("temporal at %s: %s", s.address, cause)
}

func (s server) notTemporal(cause string) error {
	return fmt.Errorf("what answers at %s does not speak Temporal's language (%s); if it wants TLS, set TEMPORAL_TLS=true, otherwise correct TEMPORAL_ADDRESS (the Web UI has another port)", s.address, cause)
}

// layers are what gRPC and the SDK put around the cause of an error.
var layers = regexp.MustCompile(`^failed reaching server: |connection error: |desc = |transport: |Error while dialing: |"`)

// grpcCode is the code of Temporal's error; OK for any other error.
func grpcCode(err error) codes.Code {
	var service serviceerror.ServiceError
	switch {
	case errors.As(err, &service):
		return service.Status().Code()
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	}
	if s, ok := status.FromError(err); ok { // without a type of Temporal's own
		return s.Code()
	}
	return codes.OK
}
