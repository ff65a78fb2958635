package campaign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/campaign"
)

func TestTheReportIsOneLine(t *testing.T) {
	r := campaign.Report{Kills: 200, Refreshes: 431, Lost: 3, Duplicated: 2, Regressions: 1}
	require.Equal(t, "chaos: 200 kills, 431 refreshes, 3 tokens lost, 2 duplicated generations, 1 regressions", r.Line())
}

func TestTheDetailsSayWhatTheTokensWereLostTo(t *testing.T) {
	require.Empty(t, campaign.Report{}.Details())
	r := campaign.Report{Repeated: 4, Lost: 5, LostOnItsWay: 1, LostInHand: 2, LostInOutage: 1, Unexplained: 1, FirstCopy: &campaign.FirstCopy{Pairs: 431, MedianMS: 8.83, P99MS: 74.5, SlowestMS: 25}}
	require.Equal(t, []string{
		"4 answers repeated by the provider",
		"of the lost, 1 killed while the request or the answer was on its way, 2 with the answer in hand, 1 while the vault took no writes, 1 unexplained; 0 not detected",
		"from the provider's answer to the first durable copy: median 8.8 ms, p99 74.5 ms, none over 25 ms, over 431 pairs",
	}, r.Details())
}

func TestTheVerdictSaysWhichPromiseWasBroken(t *testing.T) {
	const never, window = "0s", "2m0s"
	for _, tc := range []struct {
		name   string
		report campaign.Report
		broken string // empty where all was kept
	}{
		{"nothing is lost", campaign.Report{Replay: window}, ""},
		{"lost although the provider repeats", campaign.Report{Replay: window, Lost: 1, LostOnItsWay: 1}, "1 tokens lost although the provider repeats its answers"},
		{"lost in the gap of a provider that never repeats", campaign.Report{Replay: never, Lost: 4, LostOnItsWay: 3, LostInHand: 1}, ""},
		{"lost, and not explained", campaign.Report{Replay: never, Lost: 4, LostInHand: 1}, "3 tokens lost of which the campaign does not say how"},
		{"lost outside the gap", campaign.Report{Replay: never, Lost: 4, LostOnItsWay: 3, Unexplained: 1}, "1 tokens lost outside the gap"},
		{"lost to an outage", campaign.Report{Replay: never, Lost: 4, LostOnItsWay: 3, LostInOutage: 1}, "1 tokens lost because the vault took no writes"},
		{"lost in silence", campaign.Report{Replay: never, Lost: 4, LostInHand: 4, Undetected: 2}, "2 tokens lost and not detected"},
		{"a false alarm", campaign.Report{Replay: window, FalseAlarms: 1}, "1 consents asked for although nothing was lost"},
		{"two tokens of one generation", campaign.Report{Replay: window, Duplicated: 1}, "1 generations with two refresh tokens"},
		{"an older token on top", campaign.Report{Replay: window, Regressions: 1}, "1 accounts where an older refresh token lies on top"},
		{"a run that failed", campaign.Report{Replay: window, Failed: map[string]int{"MissingSecret": 2}}, "2 runs failed as MissingSecret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.report.Target = campaign.TokenKeeper
			err := tc.report.Verdict()
			tc.report.Target = campaign.Baseline
			require.NoError(t, tc.report.Verdict(), "the baseline promises nothing")
			if tc.broken == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.broken)
		})
	}
}

func TestATargetIsNamed(t *testing.T) {
	for name, want := range map[string][]campaign.Target{
		"tokenkeeper": {campaign.TokenKeeper}, "baseline": {campaign.Baseline}, "both": {campaign.TokenKeeper, campaign.Baseline},
		"old": {campaign.Old}, "all": {campaign.TokenKeeper, campaign.Old, campaign.Baseline},
	} {
		got, err := campaign.ParseTargets(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := campaign.ParseTargets("cron")
	require.EqualError(t, err, `"cron" is no target; use tokenkeeper, old, baseline, both or all`)
}

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
