package scenario_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/scenario"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/workflows"
)

// One system goes through all of them, as it does for somebody who tries the
// whole menu: what a scenario leaves behind is what the next one starts with.
func TestNoScenarioLosesAToken(t *testing.T) {
	s, err := system.Start(t.Context(), system.Options{CLI: temporal.ForTest(t), Cron: "@every 20s", Progress: t.Output()})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop()) }()
	require.NoError(t, s.StartCron(t.Context()))
	observer := system.Observe(s)
	// Where the fault must have struck, or the scenario shows nothing.
	retried := map[int]bool{2: true, 3: true, 4: true, 5: true}

	for i, sc := range scenario.All() {
		t.Run(sc.Title, func(t *testing.T) {
			run, err := sc.Play(t.Context(), s, func(line string) { t.Log(line) })
			require.NoError(t, err)

			after := observer.Look(t.Context())
			words, good := scenario.Verdict(after.Judgement)
			require.True(t, good, words)
			require.Contains(t, words, "which is the provider's live token")
			require.Zero(t, after.LostTokens)
			for _, part := range after.Parts {
				require.True(t, part.Up, part.Name)
			}
			if run.Outcome != system.Cancelled {
				require.Contains(t, []string{string(workflows.Refreshed), string(workflows.Recovered)}, run.Outcome)
			}
			require.Equal(t, retried[i+1], run.Retries > 0, run.Troubles)
		})
	}
	require.Equal(t, 1, s.Provider.Stats().Total.Refusals, "only the revoked token was ever refused")
	require.Zero(t, s.Provider.Stats().Total.Reuses)
}
