package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/campaign"
)

const docs = "../../docs"

func TestTheDocumentsTableSaysWhatItsNumbersSay(t *testing.T) {
	reports, err := campaign.ReadReports(filepath.Join(docs, "reliability-campaign.json"))
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(docs, "reliability.md"))
	require.NoError(t, err)
	want, err := withTables(string(page), reports)
	require.NoError(t, err)
	require.Equal(t, want, string(page), "run: go run ./chaos/publish docs/reliability-campaign.json")
}

// What is published is what Token Keeper promises.
func TestThePublishedCampaignsKeptThePromise(t *testing.T) {
	reports, err := campaign.ReadReports(filepath.Join(docs, "reliability-campaign.json"))
	require.NoError(t, err)
	for _, r := range reports {
		require.NoError(t, r.Verdict())
		require.Equal(t, r.Lost, r.Explained(), "each loss has one cause")
		require.Len(t, r.Losses, r.Lost)
	}
}

func TestCampaignsArePublishedTogether(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	file := func(name string, r campaign.Report) string {
		text, err := json.Marshal([]campaign.Report{r})
		require.NoError(t, err)
		return put(name, string(text))
	}
	one := campaign.Report{Target: campaign.TokenKeeper, Replay: "2m0s", Kills: 1}
	other := campaign.Report{Target: campaign.Baseline, Replay: "0s", Kills: 2}
	operator := campaign.Report{Target: campaign.TokenKeeper, Replay: "2m0s", Kills: 3, Operator: true, Operations: 4}
	files := []string{file("one.json", one), file("operator.json", operator), file("other.json", other)}

	page := put("reliability.md", "no place")
	require.ErrorContains(t, publish(dir, files), "there is no place for the table")
	require.NoFileExists(t, filepath.Join(dir, "reliability-campaign.json"))

	put("reliability.md", "Above.\n"+before+"old\n"+after+"Between.\n")
	require.ErrorContains(t, publish(dir, files), "with an operator")
	put("reliability.md", "Above.\n"+before+"old\n"+after+"Between.\n"+beforeOperator+after+"Below.\n")
	require.NoError(t, publish(dir, files))
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, "Above.\n"+before+campaign.Table([]campaign.Report{one, other})+after+
		"Between.\n"+beforeOperator+campaign.Table([]campaign.Report{operator})+after+"Below.\n", string(text))
	both, err := campaign.ReadReports(filepath.Join(dir, "reliability-campaign.json"))
	require.NoError(t, err)
	require.Equal(t, []campaign.Report{one, operator, other}, both)

	require.ErrorContains(t, publish(dir, []string{put("empty.json", "[]")}), "holds no report")
	require.ErrorContains(t, publish(dir, []string{put("odd.json", "{")}), "odd.json")
}
