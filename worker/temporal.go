package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tokenkeeper/workflows"
)

// requestTimeout bounds one request to Temporal outside the SDK's worker.
const requestTimeout = 10 * time.Second

// connect dials Temporal and checks the namespace. It waits for a server that is
// away and fails where there is no such namespace.
func connect(ctx context.Context, options client.Options, log *slog.Logger) (c client.Client, err error) {
	err = retry(ctx, log, "waiting for Temporal", func() (final bool, err error) {
		c, err = dial(ctx, options)
		var missing *serviceerror.NamespaceNotFound
		return errors.As(err, &missing), explain(err, options.HostPort, options.Namespace)
	})
	return c, err
}

func dial(ctx context.Context, options client.Options) (client.Client, error) {
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
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

// retry repeats do until it succeeds, returns a final error, or ctx ends. It logs
// message with each error.
func retry(ctx context.Context, log *slog.Logger, message string, do func() (final bool, err error)) error {
	const firstPause, lastPause = time.Second, 30 * time.Second
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		final, err := do()
		if err == nil || final {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("stopped while waiting: %w", ctx.Err())
		}
		log.Error(message, "error", err, "againIn", pause.String())
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// ensureSearchAttributes reports whether the namespace has the search attributes,
// and adds them where it may. Without them only the search for runs is missing.
func ensureSearchAttributes(ctx context.Context, c client.Client, namespace string, log *slog.Logger) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	missing, err := missingAttributes(ctx, c, namespace)
	if err != nil {
		log.Warn("runs will carry no search attributes", "error", err)
		return false
	}
	if len(missing) == 0 {
		return true
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	if err == nil {
		// The server's caches may lag behind; until they follow, Temporal retries
		// the first step of a run.
		log.Info("added the search attributes to the namespace")
		return true
	}
	if left, listErr := missingAttributes(ctx, c, namespace); listErr == nil && len(left) == 0 {
		return true // another worker was faster
	}
	log.Warn("runs will carry no search attributes: the namespace lacks them, and this worker cannot add them. Add them, and start the workers again: temporal operator search-attribute create --namespace "+namespace+
		" "+searchAttributeFlags, "error", err)
	return false
}

// searchAttributeFlags have the Temporal CLI create those that a namespace lacks.
const searchAttributeFlags = "--name TokenAccount --type Keyword --name TokenProvider --type Keyword --name TokenHealth --type Keyword --name TokenConsentEnds --type Datetime --name TokenUser --type Keyword"

// searchAttributes are those that runs carry.
var searchAttributes = []temporal.SearchAttributeKey{workflows.TokenAccount, workflows.TokenProvider, workflows.TokenHealth, workflows.TokenConsentEnds, workflows.TokenUser}

// missingAttributes returns those that the namespace lacks. One of another type is
// an error: it cannot be added, some servers ignore that silently, and setting it
// would block the run.
func missingAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("ask for those of namespace %s: %w", namespace, err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, attribute := range searchAttributes {
		key, wanted := attribute.GetName(), attribute.GetValueType()
		switch found, exists := listed.GetCustomAttributes()[key]; {
		case !exists:
			missing[key] = wanted
		case found != wanted:
			return nil, fmt.Errorf("%s of namespace %s is of type %s and not %s; remove it, and start the workers again: temporal operator search-attribute remove --namespace %s --name %s", key, namespace, found, wanted, namespace, key)
		}
	}
	return missing, nil
}
