package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
)

// announce says which version of a deployment this is and, where it gets no work
// yet, the command that changes that.
func announce(ctx context.Context, c client.Client, d config.Deployment, log *slog.Logger) {
	if d.Name == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	log = log.With("deployment", d.Name, "buildId", d.BuildID)
	command := fmt.Sprintf("temporal worker deployment set-current-version --deployment-name %s --build-id %s", d.Name, d.BuildID)

	described, err := c.WorkerDeploymentClient().GetHandle(d.Name).Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	var unknown *serviceerror.NotFound // nobody has worked for this deployment before
	if err != nil && !errors.As(err, &unknown) {
		log.Warn("cannot ask whether this version is current; if it gets no runs, make it current with: "+command, "error", err)
		return
	}
	if current := described.Info.RoutingConfig.CurrentVersion; current != nil && current.BuildID == d.BuildID {
		log.Info("this version is current")
		return
	}
	log.Warn("this version is not current and gets no new runs; make it current with: " + command)
}
