package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/campaign"
)

// Two campaigns that fit among the other rows: some kills meet a call on its way,
// others a pair on its way to Temporal. "make chaos" runs the real ones, and
// docs/reliability.md has their numbers.
func TestF20WorkerKilledAtRandomTimesLosesNothingButWhatNoReplayCanSave(t *testing.T) {
	t.Parallel()
	for name, replay := range map[string]time.Duration{
		"a provider that repeats its answers": replayForRows,
		"a provider that never does":          0,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := campaign.Options{
				Target: campaign.TokenKeeper, Kills: 16, Replay: replay, Seed: 1, Accounts: 30,
				Dir: t.TempDir(), Binary: shared.Worker(t), Temporal: shared.Temporal(t), TaskQueue: unique("campaign"), Progress: t.Output(),
			}
			reports, err := campaign.Run(t.Context(), o)
			require.NoError(t, err)
			report := reports[0]
			again := fmt.Sprintf("%s\n%s\n%+v\nto see it again: make chaos KILLS=%d REPLAY=%s SEED=%d ACCOUNTS=%d OUTAGES=0",
				report.Line(), strings.Join(report.Details(), "\n"), report.Losses, o.Kills, o.Replay, o.Seed, o.Accounts)
			require.NoError(t, report.Verdict(), again)
			require.Equal(t, o.Kills, report.Kills)
			require.GreaterOrEqual(t, report.Refreshes, o.Kills, "too little was going on for the kills to meet anything")
			require.Positive(t, report.FirstCopy.Pairs, "the gap is measured")
		})
	}
}

// What Token Keeper is measured against works as well, without kills.
func TestF20TheBaselineLosesNothingWhileItLives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, err := campaign.Baseline.Build(t.Context(), dir)
	require.NoError(t, err)
	reports, err := campaign.Run(t.Context(), campaign.Options{
		Target: campaign.Baseline, Replay: 2 * time.Minute, Seed: 1, Accounts: 6,
		Dir: dir, Binary: binary, Temporal: shared.Temporal(t), TaskQueue: unique("campaign"), Progress: t.Output(),
	})
	require.NoError(t, err)
	require.Zero(t, reports[0].Lost)
	require.GreaterOrEqual(t, reports[0].Refreshes, 6)
}
