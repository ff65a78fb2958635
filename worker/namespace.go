package main

import (
	"context"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
	"tokenkeeper/workflows"
)

const askTimeout = 10 * time.Second

// searchable reports whether the namespace has our search attributes, and adds
// them where it may. Without them everything works but the search for them.
func searchable(ctx context.Context, c client.Client, namespace string, log *slog.Logger) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		log.Warn("cannot ask for the namespace's search attributes; runs will carry none of ours", "error", err)
		return false
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, key := range []string{workflows.TokenAccount.GetName(), workflows.TokenProvider.GetName(), workflows.TokenHealth.GetName()} {
		if listed.GetCustomAttributes()[key] != enumspb.INDEXED_VALUE_TYPE_KEYWORD {
			missing[key] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	if len(missing) == 0 {
		return true
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	if err != nil {
		log.Warn("the namespace lacks search attributes, and this worker may not add them; runs will carry none. Add them with: temporal operator search-attribute create --name TokenAccount --type Keyword --name TokenProvider --type Keyword --name TokenHealth --type Keyword", "error", err)
		return false
	}
	// The server's caches may lag behind; until they follow, Temporal retries the
	// first step of a run.
	log.Info("added the search attributes to the namespace")
	return true
}

// announce says which version of a deployment this is and, where it gets no work
// yet, the command that changes that.
func announce(ctx context.Context, c client.Client, cfg config.Worker, log *slog.Logger) {
	d := cfg.Deployment
	if d.Name == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	log = log.With("deployment", d.Name, "buildId", d.BuildID)
	described, err := c.WorkerDeploymentClient().GetHandle(d.Name).Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err == nil {
		current := described.Info.RoutingConfig.CurrentVersion
		if current != nil && current.BuildID == d.BuildID {
			log.Info("this version is current")
			return
		}
	}
	log.Warn("this version is not current and gets no new runs; make it current with: temporal worker deployment set-current-version --deployment-name " + d.Name + " --build-id " + d.BuildID)
}
