package main

import (
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

func TestThePageHasTheseTables(t *testing.T) {
	page, err := os.ReadFile("../../docs/scale.md")
	require.NoError(t, err)
	text, err := into(string(page))
	require.NoError(t, err)
	require.Equal(t, text, string(page), "run: go run ./bench/cost -write docs/scale.md")
}

func TestActionsCostByTheirTier(t *testing.T) {
	for millions, want := range map[float64]float64{
		0: 0, 1: 50, 5: 250,
		11.25: 525, // the example of Temporal's page
		60:    250 + 225 + 400 + 1050 + 300,
		250:   250 + 225 + 400 + 1050 + 1500 + 150*25,
	} {
		require.InDelta(t, want, tiered(millions), 0.001, millions)
	}
}

func TestThePlanIsTheCheaperOne(t *testing.T) {
	cost, plan := fleet{1000, 4}.temporal()
	require.Equal(t, "Developer", plan)
	require.InDelta(t, 33, cost, 0.5, "600,000 actions and a tenth of that")
	cost, plan = fleet{100_000, 4}.temporal()
	require.Equal(t, "Business", plan)
	require.InDelta(t, 2150+500, cost, 30, "57.5 million actions and the least price of the plan")
}

func TestAFleetIsSpreadOverVaultsByThePace(t *testing.T) {
	for _, c := range []struct {
		accounts                       int
		vaults, subscriptions, workers int
	}{{1, 1, 1, 1}, {1000, 1, 1, 2}, {266_760, 1, 1, 2}, {267_000, 2, 1, 4}, {1_000_000, 4, 1, 8}, {10_000_000, 38, 8, 76}} {
		f := fleet{c.accounts, 4}
		require.Equal(t, []int{c.vaults, c.subscriptions, c.workers}, []int{f.vaults(), f.subscriptions(), f.workers()}, c.accounts)
	}
	all := config.WorkerVariables()
	i := slices.IndexFunc(all, func(v config.Variable) bool { return v.Name == "TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND" })
	versions, err := strconv.ParseFloat(all[i].Default, 64)
	require.NoError(t, err)
	require.InDelta(t, paceOfVault, versions/versionsPerRefresh*0.95, 1e-9)
	require.InDelta(t, 125, fleet{1, 4}.daysToBackup(), 0.01)
}
