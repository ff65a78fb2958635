package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// connect reaches Temporal and the namespace. It waits for a server that is away
// and gives up where there is no such namespace.
func connect(ctx context.Context, options client.Options, log *slog.Logger) (c client.Client, err error) {
	err = persist(ctx, log, "waiting for Temporal", func() (final bool, err error) {
		c, err = reach(ctx, options)
		var missing *serviceerror.NamespaceNotFound
		return errors.As(err, &missing), explain(err, options.HostPort, options.Namespace)
	})
	return c, err
}

func reach(ctx context.Context, options client.Options) (client.Client, error) {
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: options.Namespace})
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// explain says in one sentence what keeps a worker from a namespace, and the fix.
func explain(err error, address, namespace string) error {
	var (
		missing *serviceerror.NamespaceNotFound
		denied  *serviceerror.PermissionDenied
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &missing):
		return fmt.Errorf("the Temporal server at %s has no namespace %q; set TEMPORAL_NAMESPACE to one that it has, or create it with: temporal operator namespace create --namespace %s", address, namespace, namespace)
	case errors.As(err, &denied), status.Code(err) == codes.Unauthenticated:
		return fmt.Errorf("the Temporal server at %s does not let this worker into namespace %q: %w; check TEMPORAL_NAMESPACE, and TEMPORAL_API_KEY or the client's certificate", address, namespace, err)
	}
	return fmt.Errorf("the Temporal server at %s does not serve this worker: %w; see that it runs and that TEMPORAL_ADDRESS names it", address, err)
}
