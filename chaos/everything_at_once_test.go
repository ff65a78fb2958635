package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/campaign"
	"tokenkeeper/internal/testenv"
)

// A campaign with all of it that fits among the other rows, by one and by two
// workflow ids for each account. "make chaos OPERATOR=1" runs the real ones.
func TestF32EverythingAtOnceLosesNothing(t *testing.T) {
	t.Parallel()
	for ids := 1; ids <= 2; ids++ {
		t.Run(fmt.Sprintf("%d workflow ids", ids), func(t *testing.T) {
			t.Parallel()
			o := campaign.Options{
				Target: campaign.TokenKeeper, Kills: 10, Operations: 60, Outages: 1, Replay: 2 * time.Minute, Seed: 1, Accounts: 12, IDs: ids,
				Dir: t.TempDir(), Binary: shared.Worker(t), Temporal: testenv.OwnTemporal(t), TaskQueue: unique("everything"), Progress: t.Output(),
			}
			reports, err := campaign.Run(t.Context(), o)
			require.NoError(t, err)
			report := reports[0]
			again := fmt.Sprintf("%s\n%s\n%+v\nto see it again: make chaos OPERATOR=1 KILLS=%d OPERATIONS=%d REPLAY=%s SEED=%d ACCOUNTS=%d OUTAGES=1 IDS=%d",
				report.Line(), strings.Join(report.Details(), "\n"), report.Losses, o.Kills, o.Operations, o.Replay, o.Seed, o.Accounts, ids)
			require.NoError(t, report.Verdict(), again)
			require.Equal(t, o.Operations, report.Operations)
		})
	}
}
