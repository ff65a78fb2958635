package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/campaign"
)

// A campaign that fits among the other rows. "make chaos" runs the real one, and
// docs/reliability.md has its numbers, also for a provider without replay.
func TestF20WorkerKilledAtRandomTimesLosesNothing(t *testing.T) {
	t.Parallel()
	report, err := campaign.Run(t.Context(), campaign.Options{
		Target: campaign.TokenKeeper, Kills: 8, Replay: 2 * time.Minute, Seed: 1, Accounts: 6,
		Dir: t.TempDir(), Binary: shared.Worker(t), Temporal: shared.Temporal(t), TaskQueue: unique("campaign"), Progress: t.Output(),
	})
	require.NoError(t, err)
	require.NoError(t, report.Verdict())
	require.Equal(t, 8, report.Kills)
	require.Zero(t, report.Lost)
	require.GreaterOrEqual(t, report.Refreshes, 6, "every account at the end, at the least")
	require.Positive(t, report.FirstCopy.Pairs, "the gap is measured")
}

// What Token Keeper is measured against works as well, where nobody kills it.
func TestF20TheBaselineLosesNothingWhileItLives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, err := campaign.Baseline.Build(t.Context(), dir)
	require.NoError(t, err)
	report, err := campaign.Run(t.Context(), campaign.Options{
		Target: campaign.Baseline, Replay: 2 * time.Minute, Seed: 1, Accounts: 6,
		Dir: dir, Binary: binary, Temporal: shared.Temporal(t), TaskQueue: unique("campaign"), Progress: t.Output(),
	})
	require.NoError(t, err)
	require.Zero(t, report.Lost)
	require.GreaterOrEqual(t, report.Refreshes, 6)
}
