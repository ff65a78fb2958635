package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// Many providers keep one live grant for a user and an app. A consent of a user who is
// behind another account already ends that account's grant, so that the operator is told
// before it is stored. The other account is found by the search attribute TokenUser, in
// one listing call however many accounts there are, and confirmed by its last result; so it
// is found from its first refresh on, where the namespace has the attribute.

// sameUserFlag is the one that answers the question in advance.
const sameUserFlag = "--same-user"

const sameUserUsage = "do not ask where another account is the same user's: its grant may end with this one's beginning"

// maxSameUser bounds the runs that are looked at. More accounts of one user are no
// oversight.
const maxSameUser = 50

// checkSameUser asks before a consent is stored whose user is behind another account as
// well, and drops one that was saved on this machine where the answer is no. What is not
// known, or cannot be looked up, passes with a warning at most: the provider has issued
// the tokens already.
func (f *consentFlow) checkSameUser(ctx context.Context, allowed bool) error {
	if f.pending.UserID == "" {
		return nil
	}
	var others []token.Account
	err := f.withTemporal(func(ctx context.Context, app *temporalApp) (err error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		others, err = app.accountsOfUser(ctx, f.target.Account, f.pending.UserID)
		return err
	})
	if ctx.Err() != nil {
		return nil // nothing is stored from here on, and what was saved is asked about again
	}
	if err != nil {
		f.warn("whether another account is the same user's could not be looked up: %v", err)
		return nil
	}
	if len(others) == 0 {
		return nil
	}
	names := make([]string, len(others))
	for i, a := range others {
		names[i] = a.String()
	}
	f.warn("user %s of %s is behind %s already; at a provider that keeps one grant for each user and app, this consent ends the one there", f.pending.UserID, f.target.Provider.Title, strings.Join(names, " and "))
	if allowed {
		return nil
	}
	err = f.confirm(ctx, f.target, "store a consent of the user of "+strings.Join(names, " and "), sameUserFlag)
	if err == nil || errors.Is(err, errInterrupted) {
		return err
	}
	if f.saved {
		err = errors.Join(err, f.PendingStore.Delete(f.target.Account))
	}
	return fmt.Errorf("%w; the consent is given up; see that %s is still refreshed", err, names[0])
}

// accountsOfUser lists the other accounts of a provider that are kept alive and were last
// refreshed for this user.
func (app *temporalApp) accountsOfUser(ctx context.Context, own token.Account, userID string) (others []token.Account, err error) {
	list, err := app.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND %s = '%s' AND %s = '%s' AND %s != '%s'", workflows.Type, // none of them holds a quote
			workflows.TokenUser.GetName(), token.UserMark(own.Provider, userID), workflows.TokenProvider.GetName(), own.Provider, workflows.TokenAccount.GetName(), own.Name),
		PageSize: maxSameUser,
	})
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) { // no worker has given the namespace the attribute
		return nil, app.refuseUnsearchable(ctx)
	}
	if err != nil {
		return nil, err
	}
	looked := map[string]bool{}
	for _, run := range list.GetExecutions() {
		if key := keyOf(run); !looked[key] {
			looked[key] = true
			account, is, err := app.isOfUser(ctx, run, key, userID)
			if err != nil {
				return nil, err
			}
			if is {
				others = append(others, account)
			}
		}
	}
	slices.SortFunc(others, func(a, b token.Account) int { return cmp.Compare(a.Name, b.Name) })
	return others, nil
}

// refuseUnsearchable returns an error where workflows run that cannot be searched.
func (app *temporalApp) refuseUnsearchable(ctx context.Context) error {
	count, err := app.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: "WorkflowType = '" + workflows.Type + "' AND ExecutionStatus = 'Running'",
	})
	if err != nil || count.GetCount() == 0 {
		return err
	}
	return fmt.Errorf("namespace %s lacks the search attribute %s, which the worker adds where it may; add it with: %s", app.namespace, workflows.TokenUser.GetName(),
		shell("temporal", "operator", "search-attribute", "create", "--name", workflows.TokenUser.GetName(), "--type", "Keyword", "--namespace", app.namespace))
}

// isOfUser reports whether what started a run keeps an account alive now whose last result
// is this user's.
func (app *temporalApp) isOfUser(ctx context.Context, run *workflowpb.WorkflowExecutionInfo, key, userID string) (account token.Account, is bool, err error) {
	var s workflows.State
	if id := run.GetExecution().GetWorkflowId(); key == id {
		runID, err := app.running(ctx, id)
		if err != nil || runID == "" {
			return account, false, err
		}
		s, err = app.describe(ctx, id, runID)
		if err != nil {
			return account, false, err
		}
	} else if s, _, err = app.stateOfSchedule(ctx, key); err != nil {
		return account, false, err
	}
	account, err = s.Input.Check()
	if err != nil || s.Last.Result == nil {
		return account, false, nil
	}
	return account, s.Last.Result.UserID == userID, nil
}
