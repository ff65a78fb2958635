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
	taskQueue  string
	log        *slog.Logger

	told     standing
	toldAt   time.Time
	stranded map[string]time.Time // by build id: when a person was last told of its runs
}

// announce says which version of a deployment this is and, where it gets no runs,
// the command that changes that. Until ctx ends it goes on saying what changes,
// and reminds of what does not. A worker without a deployment has nothing to say.
func announce(ctx context.Context, a *announcer) {
	if a.deployment.Name == "" {
		return
	}
	a.stranded = map[string]time.Time{}
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
	a.tell(ctx, now, err)
	if now.is == current {
		a.lookForStranded(asking, described.Info)
	}
}

// tell says how the version stands, where that is worth saying; err is why the
// server does not say.
func (a *announcer) tell(ctx context.Context, now standing, err error) {
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
	return a.command("worker deployment set-current-version --deployment-name " + a.deployment.Name + " --build-id " + a.deployment.BuildID)
}

// command is one of the Temporal CLI's, for the worker's namespace.
func (a *announcer) command(what string) string {
	if a.namespace != client.DefaultNamespace {
		what += " --namespace " + a.namespace
	}
	return "temporal " + what
}
