package main

import (
	"context"
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
		log.Warn("cannot ask for the namespace's search attributes; runs will carry none of ours", "error", err)
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
	log.Warn("the namespace lacks search attributes, and this worker cannot add them; runs will carry none. Add them, and start the workers again: temporal operator search-attribute create --namespace "+namespace+
		" --name TokenAccount --type Keyword --name TokenProvider --type Keyword --name TokenHealth --type Keyword", "error", err)
	return false
}

// missingAttributes are those that the namespace has not, or has of another type.
func missingAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, key := range []string{workflows.TokenAccount.GetName(), workflows.TokenProvider.GetName(), workflows.TokenHealth.GetName()} {
		if listed.GetCustomAttributes()[key] != enumspb.INDEXED_VALUE_TYPE_KEYWORD {
			missing[key] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	return missing, nil
}
