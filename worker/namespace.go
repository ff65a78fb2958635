package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/workflows"
)

// askTimeout bounds one question to Temporal at the start.
const askTimeout = 10 * time.Second

// searchable reports whether the namespace has our search attributes, and adds
// them where it may. Without them everything works but the search for them.
func searchable(ctx context.Context, c client.Client, namespace string, log *slog.Logger) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
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
		" --name TokenAccount --type Keyword --name TokenProvider --type Keyword --name TokenHealth --type Keyword", "error", err)
	return false
}

// missingAttributes are those that the namespace has not. One of another type is
// an error: it cannot be added, some servers pass over that in silence, and
// setting it would block the run.
func missingAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("ask for those of namespace %s: %w", namespace, err)
	}
	const wanted = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	missing := map[string]enumspb.IndexedValueType{}
	for _, key := range []string{workflows.TokenAccount.GetName(), workflows.TokenProvider.GetName(), workflows.TokenHealth.GetName()} {
		switch found, exists := listed.GetCustomAttributes()[key]; {
		case !exists:
			missing[key] = wanted
		case found != wanted:
			return nil, fmt.Errorf("%s of namespace %s is of type %s and not Keyword; remove it, and start the workers again: temporal operator search-attribute remove --namespace %s --name %s", key, namespace, found, namespace, key)
		}
	}
	return missing, nil
}
