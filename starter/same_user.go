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

// errSameUser ends a command that was not told to store a consent of another account's user.
var errSameUser = errors.New("the consent is not stored, because it was not confirmed")

// confirmSameUser asks before a consent is stored whose user is behind another account as
// well. Without a yes the consent stays as it is, sealed on this machine: its code is
// spent, and where a user has one grant, the other account's has ended by now.
func (f *consentFlow) confirmSameUser(ctx context.Context) error {
	if f.options.sameUser {
		f.allowSameUser()
	}
	others := f.warnOfSameUser(ctx)
	if len(others) == 0 || f.options.sameUser {
		return nil
	}
	agreed, err := f.agree(ctx, f.target)
	if agreed {
		f.allowSameUser()
		return nil
	}
	if f.saved {
		f.say("The consent of %s is kept, sealed, in %s. To store it, run: %s %s\nTo discard it, remove that file, which does not end its grant at %s.",
			f.target, f.PendingStore.Path(f.target.Account), f.resumeCommand, sameUserFlag, f.target.Provider.Title)
	} else {
		f.say("%s", f.unsaved.notStored)
	}
	if err != nil && !errors.Is(err, errNoInput) {
		return err
	}
	return fmt.Errorf("%w; its user is that of %s, whose grant may have ended when this one began; see that it is still refreshed", errSameUser, names(others))
}

// allowSameUser has the command that resumes this one ask no more.
func (f *consentFlow) allowSameUser() { f.resumeCommand += " " + sameUserFlag }

// warnOfSameUser returns the other accounts of the consent's user. What is not known, or
// cannot be looked up, passes with a warning at most: the provider has issued the tokens
// already.
func (f *consentFlow) warnOfSameUser(ctx context.Context) (others []token.Account) {
	if f.pending.UserID == "" {
		return nil
	}
	err := f.withTemporal(func(ctx context.Context, app *temporalApp) (err error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		others, err = app.accountsOfUser(ctx, f.target.Account, f.pending.UserID)
		return err
	})
	switch {
	case ctx.Err() != nil: // nothing is stored from here on, and what was saved is asked about again
		return nil
	case err != nil:
		f.warn("whether another account is the same user's could not be looked up: %v", err)
		return nil
	case len(others) > 0:
		f.warn("user %s of %s is behind %s already; at a provider that keeps one grant for each user and app, this consent ends the one there", f.pending.UserID, f.target.Provider.Title, names(others))
	}
	return others
}

// names lists accounts in a sentence.
func names(accounts []token.Account) string {
	words := make([]string, len(accounts))
	for i, a := range accounts {
		words[i] = a.String()
	}
	return strings.Join(words, " and ")
}

// accountsOfUser lists the accounts of a provider beside own that are kept alive and were
// last refreshed for this user; all of them where own has no name.
func (app *temporalApp) accountsOfUser(ctx context.Context, own token.Account, userID string) (others []token.Account, err error) {
	query := fmt.Sprintf("WorkflowType = '%s' AND %s = '%s' AND %s = '%s'", workflows.Type, // none of them holds a quote
		workflows.TokenUser.GetName(), token.UserMark(own.Provider, userID), workflows.TokenProvider.GetName(), own.Provider)
	if own.Name != "" {
		query += fmt.Sprintf(" AND %s != '%s'", workflows.TokenAccount.GetName(), own.Name)
	}
	list, err := app.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: maxSameUser})
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
