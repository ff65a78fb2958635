package campaign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/campaign"
)

func TestTheTableHasTheReportsSideBySide(t *testing.T) {
	require.Equal(t, `|  | tokenkeeper, repeats for 2m | baseline, never repeats |
| --- | --- | --- |
| kills | 200 | 200 |
| vault outages | 3 | 3 |
| refreshes | 660 | 785 |
| answers repeated | 47 | 0 |
| **tokens lost** | **0** | **66** |
| to a kill, request or answer on its way | 0 | 30 |
| to a kill, answer in hand | 0 | 14 |
| to a vault outage | 0 | 20 |
| unexplained | 0 | 2 |
| lost and not told | 0 | – |
| duplicated generations | 0 | 1 |
| regressions | 0 | 4 |
| answer to first durable copy, median / p99 | 7.9 / 19.8 ms | – |
| seconds | 408 | 390 |
`, campaign.Table([]campaign.Report{
		{
			Target: campaign.TokenKeeper, Replay: "2m0s", Kills: 200, Outages: 3, Refreshes: 660, Repeated: 47,
			FirstCopy: &campaign.FirstCopy{Pairs: 653, MedianMS: 7.9, P99MS: 19.8}, Seconds: 408,
		},
		{
			Target: campaign.Baseline, Replay: "0s", Kills: 200, Outages: 3, Refreshes: 785,
			Lost: 66, LostOnItsWay: 30, LostInHand: 14, LostInOutage: 20, Unexplained: 2, Undetected: 5, Duplicated: 1, Regressions: 4, Seconds: 390,
		},
	}))
}
