package workflows_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/workflows"
)

// handled are failure types that never end a run: what it does about them ends it as
// something else.
var handled = []string{activities.InvalidGrant, activities.ProbablyDead, activities.GrantAdvanced, activities.AnswerLost}

// The counters of alerts exist at 0 from a worker's start for these reasons alone: the
// first alert for another one fires no rule.
func TestEveryReasonOfAnAlertIsListed(t *testing.T) {
	listed := workflows.AlertReasons()
	require.Subset(t, listed, []string{workflows.LoadStuck, workflows.CallStuck, workflows.StoreStuck, workflows.ReauthorizationRequired, workflows.WrongUser, workflows.Unexplained})
	for _, failure := range constants(t, "../activities/failures.go") {
		if slices.Contains(handled, failure) {
			require.NotContains(t, listed, failure)
			continue
		}
		require.Contains(t, listed, failure, "a run ends with it, and an alert of that reason")
	}
	for _, kind := range provider.Answers() {
		if failure := provider.Kind(kind).FailureType(); failure != "" && !slices.Contains(handled, failure) {
			require.Contains(t, listed, failure)
		}
	}
	all := sets(t)
	for name, h := range readSet(t, all[len(all)-1]) {
		for _, e := range h.GetEvents() {
			if a := e.GetActivityTaskScheduledEventAttributes(); a.GetActivityType().GetName() == "Alert" {
				var in activities.AlertInput
				require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(a.GetInput(), &in))
				require.Contains(t, listed, in.Reason, name)
			}
		}
	}
}
