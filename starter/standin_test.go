package main

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// newStandIn is a worker whose RefreshTokens ends as the account's name says:
// dead needs a consent, advised too and at length, broken fails, slow never ends, jammed never stores and says that it is stuck, stubborn fights with the
// vault, endless does so until it is signalled let-go, twin is user FAKE07's, hostile fails and forged succeeds in words that act on a terminal, and all others are refreshed. A recovery finds what recoverStandIn says.
func newStandIn(c client.Client) worker.Worker {
	w := worker.New(c, "token-refresh", worker.Options{})
	w.RegisterWorkflowWithOptions(standIn, workflow.RegisterOptions{Name: workflows.Type})
	w.RegisterActivityWithOptions(fight, activity.RegisterOptions{Name: "LoadSecrets"})
	w.RegisterActivityWithOptions(jam, activity.RegisterOptions{Name: "StoreSecrets"})
	return w
}

func standIn(ctx workflow.Context, in workflows.Input) (workflows.Result, error) {
	account, err := in.Check()
	if err != nil {
		return workflows.Result{}, temporal.NewNonRetryableApplicationError(err.Error(), "InvalidInput", nil)
	}
	if in.Recover && account.Name != "slow" {
		return recoverStandIn(account, in.From)
	}
	switch account.Name {
	case "dead":
		return workflows.Result{}, temporal.NewNonRetryableApplicationError("Fitbit no longer takes generation 3 of fitbit/dead", workflows.ReauthorizationRequired, nil)
	case "advised":
		return workflows.Result{}, temporal.NewNonRetryableApplicationError(longAdvice(), workflows.ReauthorizationRequired, nil)
	case "broken":
		return workflows.Result{}, temporal.NewNonRetryableApplicationError("secret FitbitCredentials is missing", "MissingSecret", nil)
	case "twin":
		user := workflows.TokenUser.ValueSet(token.UserMark(account.Provider, "FAKE07"))
		return workflows.Result{Account: account.Name, Provider: account.Provider, Outcome: workflows.Refreshed, Generation: 1, UserID: "FAKE07"},
			workflow.UpsertTypedSearchAttributes(ctx, workflows.TokenAccount.ValueSet(account.Name), workflows.TokenProvider.ValueSet(account.Provider), user)
	case "ends-soon", "ends-later", "ends-never":
		return endingStandIn(ctx, account)
	case "hostile":
		return workflows.Result{}, temporal.NewNonRetryableApplicationError(valid(hostile), valid(hostile), nil)
	case "forged":
		return workflows.Result{Account: valid(hostile), Provider: valid(hostile), Outcome: workflows.Outcome(valid(hostile)), UserID: valid(hostile), Scopes: []string{valid(hostile)}}, nil
	case "slow":
		return workflows.Result{}, workflow.Await(ctx, func() bool { return false })
	case "jammed":
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1}})
		jam := workflow.ExecuteActivity(ctx, "StoreSecrets")
		if err := workflow.UpsertTypedSearchAttributes(ctx, workflows.TokenHealth.ValueSet(string(workflows.HealthStuck))); err != nil {
			return workflows.Result{}, err
		}
		return workflows.Result{}, jam.Get(ctx, nil)
	case "stubborn":
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute,
			RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 6, BackoffCoefficient: 1},
		})
		if err := workflow.ExecuteActivity(ctx, "LoadSecrets", 5).Get(ctx, nil); err != nil {
			return workflows.Result{}, err
		}
	case "endless":
		fighting, giveUp := workflow.WithCancel(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1},
		}))
		workflow.ExecuteActivity(fighting, "LoadSecrets", math.MaxInt)
		workflow.GetSignalChannel(ctx, "let-go").Receive(ctx, nil)
		giveUp()
	}
	if ctx.Err() != nil {
		return workflows.Result{}, ctx.Err()
	}
	var last workflows.Result
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &last); err != nil {
			return workflows.Result{}, err
		}
	}
	return workflows.Result{
		Account: account.Name, Provider: account.Provider, Outcome: workflows.Refreshed,
		Generation: last.Generation + 1, AccessTokenExpiry: workflow.Now(ctx).Add(8 * time.Hour),
	}, nil
}

// endingStandIn is a run of an account whose grant ends in 5 or in 200 days, or never, as
// its search attributes and its result have it.
func endingStandIn(ctx workflow.Context, account token.Account) (workflows.Result, error) {
	r := workflows.Result{Account: account.Name, Provider: account.Provider, Outcome: workflows.Refreshed, Generation: 1}
	switch account.Name {
	case "ends-soon":
		r.GrantEnds = workflow.Now(ctx).Add(5*day + time.Hour)
	case "ends-later":
		r.GrantEnds = workflow.Now(ctx).Add(200 * day)
	}
	updates := []temporal.SearchAttributeUpdate{workflows.TokenAccount.ValueSet(account.Name), workflows.TokenProvider.ValueSet(account.Provider), workflows.TokenHealth.ValueSet(string(workflows.HealthGood))}
	if !r.GrantEnds.IsZero() {
		updates = append(updates, workflows.TokenConsentEnds.ValueSet(r.GrantEnds))
	}
	return r, workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// valid is text that a workflow can return.
func valid(text string) string { return strings.ToValidUTF8(text, "?") }

// longAdvice is a failure's message with more advice than any provider gives.
func longAdvice() string {
	return "Fitbit no longer takes generation 3; " + strings.Repeat("a \"testing\" app's tokens end after 7 days, ", 100) + "so publish it"
}

// recoverStandIn finds something for all but three: lost has nothing and no
// history, fresh is untouched, and broken fails.
func recoverStandIn(account token.Account, from []string) (workflows.Result, error) {
	r := workflows.Result{Account: account.Name, Provider: account.Provider, Generation: 4, RunsRead: 3 + len(from)}
	switch account.Name {
	case "lost":
		r.Outcome, r.RunsGone = workflows.Unchanged, []string{"run-that-is-gone"}
	case "fresh":
		r.Outcome = workflows.Untouched
	case "forged":
		r.Outcome, r.Account, r.RecoveredFrom, r.RunsGone = workflows.Recovered, valid(hostile), valid(hostile), []string{valid(hostile)}
	case "forged-too":
		r.Outcome, r.Account, r.RunsGone = workflows.Unchanged, valid(hostile), []string{valid(hostile)}
	case "broken":
		return r, temporal.NewNonRetryableApplicationError("secret RefreshToken is missing", "MissingSecret", nil)
	default:
		r.Outcome, r.RecoveredFrom = workflows.Recovered, "earlier-run"
	}
	return r, nil
}

// fight succeeds at the last attempt.
func fight(ctx context.Context, last int) error {
	if int(activity.GetInfo(ctx).Attempt) < last {
		return errors.New("vault: get RefreshToken: unavailable")
	}
	return nil
}

func jam(context.Context) error {
	return temporal.NewApplicationError("vault: set RefreshToken: access denied (403 Forbidden, ForbiddenByRbac); grant this identity a role", "VaultDenied")
}
