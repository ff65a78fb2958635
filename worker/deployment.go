package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
)

const (
	// standingEvery is how often a versioned worker asks how its version stands:
	// one read per worker, far below what a server grants.
	standingEvery = 15 * time.Second
	// remindEvery is how often it says again that it gets no runs.
	remindEvery = 10 * time.Minute
)

// announcer tells an operator how a worker's version stands in its deployment.
type announcer struct {
	temporal   client.Client
	deployment config.Deployment
	namespace  string
	log        *slog.Logger

	told   standing
	toldAt time.Time
}

// announce says which version of a deployment this is and, where it gets no runs,
// the command that changes that. Until ctx ends it goes on saying what changes,
// and reminds of what does not. A worker without a deployment has nothing to say.
func announce(ctx context.Context, a *announcer) {
	if a.deployment.Name == "" {
		return
	}
	a.log = a.log.With("deployment", a.deployment.Name, "buildId", a.deployment.BuildID)
	a.look(ctx)
	go func() {
		for tick := time.NewTicker(standingEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				a.look(ctx)
			}
		}
	}()
}

// look asks once, and says what is new.
func (a *announcer) look(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	described, err := a.temporal.WorkerDeploymentClient().GetHandle(a.deployment.Name).Describe(asking, client.WorkerDeploymentDescribeOptions{})
	if ctx.Err() != nil {
		return // told to stop meanwhile
	}
	var unknown *serviceerror.NotFound // nobody has worked for this deployment before
	now := standing{is: unseen}
	switch {
	case err == nil:
		now = standingOf(a.deployment.BuildID, described.Info)
	case errors.As(err, &unknown):
		now = standing{is: waiting}
	}
	if !now.worthSaying(a.told, time.Since(a.toldAt)) {
		return
	}
	a.told, a.toldAt = now, time.Now()
	var about []any
	if now.is == unseen {
		about = []any{"error", err}
	}
	a.log.Log(ctx, now.level(), now.words(a.makeCurrent()), about...)
}

// makeCurrent is the command that has new runs begin on this version.
func (a *announcer) makeCurrent() string {
	command := "temporal worker deployment set-current-version --deployment-name " + a.deployment.Name + " --build-id " + a.deployment.BuildID
	if a.namespace != client.DefaultNamespace {
		command += " --namespace " + a.namespace
	}
	return command
}
