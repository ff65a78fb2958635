package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
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
	// Requests are small, and sealed pairs do not compress: the SDK's gzip was a sixth of the
	// worker's CPU.
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	err = retry(ctx, log, waitingForTemporal, func() (final bool, err error) {
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

// waitingForTemporal is logged with each try in vain.
const waitingForTemporal = "waiting for Temporal"

// startPolling starts what polls, and starts it anew where Temporal has gone away since it was
// dialed: the SDK gives up after ten seconds.
func startPolling(ctx context.Context, log *slog.Logger, start func() error) error {
	return retry(ctx, log, waitingForTemporal, func() (final bool, err error) {
		err = start()
		return !isAway(err), err
	})
}

// isAway reports whether a request has failed because the server could not be reached, or did
// not answer in time.
func isAway(err error) bool {
	_, unavailable := errors.AsType[*serviceerror.Unavailable](err)
	_, late := errors.AsType[*serviceerror.DeadlineExceeded](err)
	return unavailable || late || errors.Is(err, context.DeadlineExceeded)
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

// ensureSearchAttributes returns which search attributes the namespace has, and adds the
// missing ones where it may. Without the first three only the search for runs is missing;
// each of the others is missing for itself.
func ensureSearchAttributes(ctx context.Context, c client.Client, namespace string, log *slog.Logger) workflows.Attributes {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	n := &attributesOf{client: c, namespace: namespace}
	if err := n.list(ctx); err != nil {
		log.Warn("runs will carry no search attributes", "error", err)
		return workflows.Attributes{}
	}
	lacking := len(n.missing)
	addErr := n.add(ctx)
	if lacking > 0 && addErr == nil {
		log.Info("added the search attributes to the namespace")
	}
	has := n.usable()
	if err := errors.Join(n.wrong, n.explain(addErr)); err != nil {
		message := "runs will carry no search attributes"
		if has.Searchable {
			message = "runs will not carry all search attributes"
		}
		log.Warn(message, "error", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return has
}

// searchAttributeFlags have the Temporal CLI create those that a namespace lacks.
const searchAttributeFlags = "--name TokenAccount --type Keyword --name TokenProvider --type Keyword --name TokenHealth --type Keyword --name TokenConsentEnds --type Datetime --name TokenUser --type Keyword"

// searchAttributes are those that runs carry.
var searchAttributes = []temporal.SearchAttributeKey{workflows.TokenAccount, workflows.TokenProvider, workflows.TokenHealth, workflows.TokenConsentEnds, workflows.TokenUser}

// attributesOf is what a namespace has of [searchAttributes].
type attributesOf struct {
	client    client.Client
	namespace string
	missing   map[string]enumspb.IndexedValueType
	other     map[string]bool // those of another type
	wrong     error           // says what they are, and the fix
}

// list asks the namespace. One of another type counts as one that is not there: it cannot
// be added, some servers ignore that silently, and setting it would block the run.
func (n *attributesOf) list(ctx context.Context) error {
	listed, err := n.client.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: n.namespace})
	if err != nil {
		return fmt.Errorf("ask for those of namespace %s: %w", n.namespace, err)
	}
	n.missing, n.other, n.wrong = map[string]enumspb.IndexedValueType{}, map[string]bool{}, nil
	for _, attribute := range searchAttributes {
		key, wanted := attribute.GetName(), attribute.GetValueType()
		switch found, exists := listed.GetCustomAttributes()[key]; {
		case !exists:
			n.missing[key] = wanted
		case found != wanted:
			n.other[key] = true
			n.wrong = errors.Join(n.wrong, fmt.Errorf("%s of namespace %s is of type %s and not %s; remove it, and start the workers again: temporal operator search-attribute remove --namespace %s --name %s", key, n.namespace, found, wanted, n.namespace, key))
		}
	}
	return nil
}

// add adds what is missing: at once, and where that fails each by itself, because a
// namespace can have room for one type and not for another. What is added counts as there:
// the server's caches may lag behind, and until they follow, Temporal retries the first
// step of a run.
func (n *attributesOf) add(ctx context.Context) error {
	err := n.request(ctx, n.missing)
	if err == nil {
		return nil
	}
	if n.list(ctx) != nil {
		return err
	}
	err = nil // what is not missing any more, another worker has added
	for key, kind := range maps.Clone(n.missing) {
		err = cmp.Or(n.request(ctx, map[string]enumspb.IndexedValueType{key: kind}), err)
	}
	return err
}

func (n *attributesOf) request(ctx context.Context, these map[string]enumspb.IndexedValueType) error {
	if len(these) == 0 {
		return nil
	}
	_, err := n.client.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: n.namespace, SearchAttributes: these})
	if err == nil {
		maps.DeleteFunc(n.missing, func(key string, _ enumspb.IndexedValueType) bool { _, added := these[key]; return added })
	}
	return err
}

// explain says what is missing and why, with the command that adds it.
func (n *attributesOf) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("namespace %s lacks %s, and this worker cannot add them: %w; add them, and start the workers again: temporal operator search-attribute create --namespace %s %s",
		n.namespace, strings.Join(slices.Sorted(maps.Keys(n.missing)), ", "), err, n.namespace, searchAttributeFlags)
}

func (n *attributesOf) usable() workflows.Attributes {
	has := func(key temporal.SearchAttributeKey) bool {
		_, missing := n.missing[key.GetName()]
		return !missing && !n.other[key.GetName()]
	}
	return workflows.Attributes{
		Searchable:  has(workflows.TokenAccount) && has(workflows.TokenProvider) && has(workflows.TokenHealth),
		ConsentEnds: has(workflows.TokenConsentEnds),
		User:        has(workflows.TokenUser),
	}
}
