package workflows_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
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

// atOnePlace are the reasons that are mended at one place for all accounts that have them.
// Each further account of any other reason is told of.
var atOnePlace = []string{
	workflows.LoadStuck, workflows.CallStuck, workflows.StoreStuck,
	activities.VaultRefused, activities.KeysetUnusable,
	activities.InvalidClient, activities.ProviderRetired, provider.RequestRejected.FailureType(),
	incident.KeysetChanged, incident.RunsStandStill, incident.RunsLeftBehind,
}

// A new reason has to be put either into the list above or into the one of package incident.
func TestEveryReasonIsAnAccountsOwnOrMendedAtOnePlace(t *testing.T) {
	for _, reason := range append(workflows.AlertReasons(), atOnePlace...) {
		require.Equal(t, !slices.Contains(atOnePlace, reason), incident.ByAccount(reason), reason)
	}
	require.False(t, incident.ByAccount(""))
}
