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

func TestTheReportOfAnOperatorsCampaignIsOneLine(t *testing.T) {
	r := campaign.Report{Kills: 60, Operations: 300, Refreshes: 431}
	require.Equal(t, "chaos: 60 kills, 300 operations, 431 refreshes, 0 tokens lost, 0 duplicated generations, 0 regressions", r.Line())
}

func TestTheDetailsSayWhatAnOperatorDid(t *testing.T) {
	r := campaign.Report{
		Operations: 300, Outages: 3, VaultKills: 6, TemporalKills: 4, LostAnswers: 28, Waits: 17,
		Ends: map[string]int{"terminated": 40, "completed": 380, "UnexpectedResult": 2},
		Lost: 3, LostAnswer: 1, LostRunEnded: 1, LostServerAway: 1,
	}
	r.Commands = map[campaign.Operation]int{campaign.Terminate: 40, campaign.Cancel: 21}
	require.Equal(t, []string{
		"of the lost, 0 killed while the request or the answer was on its way, 0 with the answer in hand, 0 while the vault took no writes, 0 unexplained; 0 not detected",
		"and 1 whose answer was withheld, 1 killed in hand when an operator had ended the run, 1 killed in hand while Temporal was away",
		"beside them, 3 vault outages, 6 kills of the vault, 4 of Temporal, 28 answers withheld after the commit, 17 refusals with a wait",
		"commands that took effect: 21 cancel, 40 terminate",
		"runs ended: 2 UnexpectedResult, 380 completed, 40 terminated",
	}, r.Details())
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
		{"withheld by a provider that never repeats", campaign.Report{Replay: never, Lost: 3, LostAnswer: 1, LostRunEnded: 1, LostServerAway: 1}, ""},
		{"withheld by one that repeats", campaign.Report{Replay: window, Lost: 1, LostAnswer: 1}, "1 tokens lost although the provider repeats its answers"},
		{"runs that an operator ended", campaign.Report{Replay: window, Ends: map[string]int{"terminated": 9, "Unexplained": 2}}, ""},
		{"a run that does not end", campaign.Report{Replay: window, Stuck: 1}, "1 runs that did not end"},
		{"a run that failed", campaign.Report{Replay: window, Failed: map[string]int{"MissingSecret": 2}}, "2 runs failed as MissingSecret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.report.Target, tc.report.Refreshes = campaign.TokenKeeper, 1
			err := tc.report.Verdict()
			for _, compared := range []campaign.Target{campaign.Old, campaign.Baseline} {
				tc.report.Target = compared
				require.NoError(t, tc.report.Verdict(), "it promises nothing")
			}
			if tc.broken == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.broken)
		})
	}
}

func TestACampaignInWhichNothingHappenedProvesNothing(t *testing.T) {
	commands := map[campaign.Operation]int{}
	for _, o := range []campaign.Operation{campaign.Start, campaign.Cancel, campaign.Terminate, campaign.ResetToFirstTask, campaign.ResetActivity, campaign.FailActivity} {
		commands[o] = 1
	}
	long := campaign.Report{
		Target: campaign.TokenKeeper, Replay: "2m0s", PlannedKills: 10, PlannedOperations: 60, Kills: 10, Operator: true, Operations: 60,
		Refreshes: 1, TemporalKills: 1, VaultKills: 1, LostAnswers: 1, Commands: commands,
	}
	require.NoError(t, long.Verdict())
	short := campaign.Report{Target: campaign.TokenKeeper, Replay: "2m0s", Refreshes: 1, Operator: true, PlannedOperations: 10, Operations: 10}
	require.NoError(t, short.Verdict(), "chance may leave out what is rare")
	for missing, change := range map[string]func(r *campaign.Report){
		"0 refreshes":                          func(r *campaign.Report) { r.Refreshes = 0 },
		"9 kills, and at least 10":             func(r *campaign.Report) { r.Kills = 9 },
		"59 operations, and at least 60":       func(r *campaign.Report) { r.Operations = 59 },
		"0 operations, and at least 1":         func(r *campaign.Report) { r.Operations, r.PlannedOperations = 0, 0 },
		"0 kills of Temporal":                  func(r *campaign.Report) { r.TemporalKills = 0 },
		"0 kills of the vault":                 func(r *campaign.Report) { r.VaultKills = 0 },
		"0 calls that went wrong":              func(r *campaign.Report) { r.LostAnswers = 0 },
		"1 kinds of commands that took effect": func(r *campaign.Report) { r.Commands = map[campaign.Operation]int{campaign.Start: 60} },
	} {
		r := long
		change(&r)
		require.ErrorContains(t, r.Verdict(), "the campaign proves nothing: "+missing)
	}
	alive := campaign.Report{Target: campaign.TokenKeeper, Replay: "2m0s"}
	require.ErrorContains(t, alive.Verdict(), "0 refreshes", "without an operator as well")
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

func TestAnOperatorsCampaignHasATableOfItsOwn(t *testing.T) {
	reports := []campaign.Report{
		{Target: campaign.TokenKeeper, Replay: "2m0s", Kills: 200},
		{
			Target: campaign.TokenKeeper, IDs: 2, Replay: "2m0s", Kills: 60, Operator: true, Operations: 300, VaultKills: 6, TemporalKills: 4, Outages: 3, LostAnswers: 28, Waits: 17,
			Refreshes: 431, Repeated: 60, FirstCopy: &campaign.FirstCopy{Pairs: 400, MedianMS: 8, P99MS: 40}, Seconds: 300,
		},
		{
			Target: campaign.Old, IDs: 1, Replay: "2m0s", Kills: 60, Operator: true, Operations: 300, VaultKills: 6, TemporalKills: 4, Outages: 3, LostAnswers: 28, Waits: 17,
			Refreshes: 420, Repeated: 50, Lost: 4, Unexplained: 2, LostAnswer: 2, Stuck: 3, Failed: map[string]int{"GenerationConflict": 1, "VaultRefused": 2}, Seconds: 500,
		},
		{Target: campaign.Baseline, IDs: 2, Replay: "2m0s", Kills: 60, Operator: true, VaultKills: 6, TemporalKills: 4, Outages: 3, LostAnswers: 25, Waits: 12, Refreshes: 500, Lost: 60, LostOnItsWay: 20, LostAnswer: 40, Seconds: 250},
	}
	table := campaign.Table(reports)
	require.Equal(t, campaign.Table(reports[:1])+"\n"+campaign.Table(reports[1:]), table)
	require.Equal(t, `|  | tokenkeeper, 2 ids, repeats for 2m | old (bb35960), repeats for 2m | baseline, repeats for 2m |
| --- | --- | --- | --- |
| kills | 60 | 60 | 60 |
| operations | 300 | 300 | – |
| kills of the vault / of Temporal | 6 / 4 | 6 / 4 | 6 / 4 |
| vault outages | 3 | 3 | 3 |
| answers withheld / refusals with a wait | 28 / 17 | 28 / 17 | 25 / 12 |
| refreshes | 431 | 420 | 500 |
| answers repeated | 60 | 50 | 0 |
| **tokens lost** | **0** | **4** | **60** |
| to a kill, request or answer on its way | 0 | 0 | 20 |
| to a kill, answer in hand | 0 | 0 | 0 |
| to a vault outage | 0 | 0 | 0 |
| to an answer withheld | 0 | 2 | 40 |
| to a kill, answer in hand, run ended by the operator | 0 | 0 | – |
| to a kill, answer in hand, Temporal away | 0 | 0 | – |
| unexplained | 0 | 2 | 0 |
| lost and not told | 0 | 0 | – |
| runs that failed otherwise, not by the operator's hand | 0 | 3 | – |
| runs that did not end | 0 | 3 | – |
| duplicated generations | 0 | 0 | 0 |
| regressions | 0 | 0 | 0 |
| answer to first durable copy, median / p99 | 8.0 / 40.0 ms | – | – |
| seconds | 300 | 500 | 250 |
`, campaign.Table(reports[1:]))
}
