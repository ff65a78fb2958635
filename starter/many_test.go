package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
