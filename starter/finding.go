package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/workflows"
)

// findingInWords tells a person what a recovery of an account came to and what to
// do next. retention is the namespace's, where a history was gone.
func findingInWords(t target, r workflows.Result, retention time.Duration, now time.Time) string {
	refresh := t.command("refresh")
	switch {
	case r.Outcome == workflows.Recovered && r.RecoveredFrom != "":
		words := fmt.Sprintf("Found: run %s was issued generation %d of %s and had not stored it. It is in the vault now.", r.RecoveredFrom, r.Generation, t)
		if !r.AccessTokenExpiry.IsZero() {
			words += " Its access token is good until " + when(r.AccessTokenExpiry, now) + "."
		}
		return words + " Go on with: " + refresh
	case r.Outcome == workflows.Recovered:
		return fmt.Sprintf("Found: the vault already holds something newer, generation %d of %s, which lay under an older version and is the current one again. Go on with: %s", r.Generation, t, refresh)
	case r.Outcome == workflows.Superseded:
		return fmt.Sprintf("The vault already holds something newer than generation %d of %s, which run %s was issued. It was left as it is.", r.Generation, t, r.RecoveredFrom)
	case r.Outcome == workflows.Untouched:
		return fmt.Sprintf("The vault already holds something newer than any run has been about to spend: generation %d of %s. Nothing is missed. Go on with: %s", r.Generation, t, refresh)
	}
	words := fmt.Sprintf("Nothing newer than generation %d of %s was found, neither in the vault nor in the histories of earlier runs (%d read).", r.Generation, t, r.RunsRead)
	for _, run := range r.RunsGone {
		words += fmt.Sprintf("\nBut run %s was about to spend it, and its history is gone or cannot be found: this namespace keeps histories for %s after a run has ended.", run, days(retention))
	}
	return words + "\n" + strings.Join([]string{
		"Next:",
		"  1. If earlier runs had another workflow id, name it with --from.",
		"  2. See whether the provider still takes what the vault holds: " + refresh,
		"  3. If it does not, have the person consent again and put the new refresh token into the vault.",
	}, "\n")
}

// recoveryError is what a recovery ends the command with: an error where it
// takes a person to go on.
func recoveryError(r workflows.Result) error {
	if r.Outcome != workflows.Unchanged {
		return nil
	}
	return needsAttention{fmt.Sprintf("nothing newer than generation %d of %s/%s was found", r.Generation, r.Provider, r.Account)}
}

// retention is how long the namespace keeps the history of a run that has ended.
func (o *temporalApp) retention(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := o.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: o.namespace})
	if err != nil {
		return 0, err
	}
	return described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), nil
}

// days is a retention as it is configured: in days, mostly.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return brief(d)
}
