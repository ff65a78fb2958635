package scenario_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/scenario"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// One system goes through all of them, as it does when the whole menu is tried: what
// a scenario leaves behind is what the next one starts with.
func TestNoScenarioLosesAToken(t *testing.T) {
	s, err := system.Start(t.Context(), system.Options{
		CLI: temporal.ForTest(t), Cron: "@every 20s", Progress: t.Output(),
		// A busy machine takes its time, and is not what a scenario is about.
		Provider: authserver.Options{ReplayWindow: time.Hour},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop()) }()
	require.NoError(t, s.StartCron(t.Context()))
	observer := system.Observe(s)
	// Where the fault must have struck, or the scenario shows nothing.
	retried := []int{2, 3, 4, 5}

	for i, sc := range scenario.All() {
		t.Run(sc.Title, func(t *testing.T) {
			run, err := sc.Play(t.Context(), s, func(line string) { t.Log(line) })
			require.NoError(t, err)

			var after system.Snapshot
			require.NoError(t, system.Wait(t.Context(), func() bool {
				after = observer.Snapshot(t.Context())
				return !slices.ContainsFunc(after.Parts, func(p system.Part) bool { return !p.Up })
			}), "%+v", after.Parts)
			words, good := scenario.Verdict(after.Audit)
			require.True(t, good, words)
			require.Contains(t, words, "which is the provider's live token")
			require.Zero(t, after.LostTokens)
			require.True(t, run.Refreshed() || run.Outcome == workflows.Cancelled, run.Outcome)
			if slices.Contains(retried, i+1) {
				require.Positive(t, run.Retries)
			}
		})
	}
	refused := map[token.Fingerprint]bool{}
	for _, e := range s.Provider.Events("") {
		if !e.Outcome.Granted() {
			refused[e.Presented] = true
		}
	}
	require.Len(t, refused, 1, "only the revoked token was ever refused")
	require.Zero(t, s.Provider.Stats().Total.Reuses)
}
