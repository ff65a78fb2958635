package main

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/sim/keyvault"
)

func TestAnImportAndAFleetAtFullPaceFitIntoOneVaultOnTheAverage(t *testing.T) {
	all := config.WorkerVariables()
	i := slices.IndexFunc(all, func(v config.Variable) bool { return v.Name == "TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND" })
	fleet, err := strconv.ParseFloat(all[i].Default, 64)
	require.NoError(t, err)
	require.LessOrEqual(t, 10*(fleet+2*accountsPerSecond), float64(keyvault.Creations), "in ten seconds")
}
