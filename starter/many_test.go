package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/vault"
)

// A repetition may not find again what the operator has to act on, so that it is named at
// once; not without end.
func TestTheFirstAccountsThatNeedAttentionAreNamedAsTheyCome(t *testing.T) {
	var out quietWriter
	m := many{printer: &printer{out: &out, notes: &out, warnings: &out}, verb: "revoke", attention: outcomeByHand, advice: "%s are left"}
	var jobs []job
	for i := range someFailures + 10 {
		jobs = append(jobs, job{fmt.Sprintf("user-%d", i), "oura", func(context.Context) (string, string, error) { return outcomeByHand, "have the user end it", nil }})
	}
	few := m.run(t.Context(), 2, slices.Values(jobs[:2]))
	require.Equal(t, needsAttention{"2 are left"}, few)
	require.Contains(t, out.text, "Warning: oura/user-1: have the user end it\n")

	out.text = ""
	require.Equal(t, needsAttention{"60 are left; --output json names them all"}, m.run(t.Context(), len(jobs), slices.Values(jobs)))
	require.Equal(t, someFailures, strings.Count(out.text, "Warning: oura/user-"))
}

// Each of them has trouble of its own, and the last one has none.
func TestAccountsWithTroubleOfTheirOwnDoNotEndTheCommand(t *testing.T) {
	var out quietWriter
	m := many{printer: &printer{out: &out, notes: &out, warnings: &out}, verb: "move", done: "moved", atOnce: 1}
	tried := false
	jobsThatFail := func(err error) (jobs []job) {
		for i := range hopeless {
			jobs = append(jobs, job{fmt.Sprintf("user-%d", i), "fitbit", func(context.Context) (string, string, error) { return "", "", err }})
		}
		return append(jobs, job{"last", "fitbit", func(context.Context) (string, string, error) { tried = true; return "moved", "", nil }})
	}
	for _, own := range []error{
		errRunEachTime, serviceerror.NewNotFound("no run"), conflictError{errors.New("other times")},
		&vault.Error{Op: "get", Name: "RefreshToken", Kind: vault.ErrMalformed}, &provider.Failure{Kind: provider.InvalidGrant},
	} {
		tried = false
		require.ErrorContains(t, m.run(t.Context(), hopeless+1, slices.Values(jobsThatFail(own))), "20 of 21 accounts were not moved")
		require.True(t, tried, own)
	}
	for _, all := range []error{
		context.DeadlineExceeded, serviceerror.NewResourceExhausted(0, "busy"), &vault.Error{Op: "get", Name: "RefreshToken", Kind: vault.ErrDenied}, &provider.Failure{Kind: provider.Unreachable},
		&provider.Failure{Kind: provider.Unexpected}, errors.New("no Temporal server answers"), // as it is described
	} {
		tried = false
		require.ErrorContains(t, m.run(t.Context(), hopeless+1, slices.Values(jobsThatFail(all))), "20 accounts failed one after the other")
		require.False(t, tried, all)
	}
}
