package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func TestThePageIsAsTheProgramsReadTheirVariables(t *testing.T) {
	written, err := os.ReadFile("../../../docs/configuration.md")
	require.NoError(t, err)
	require.Equal(t, page(), string(written), "run go generate ./internal/config")
}

func TestTheExampleOfAProvidersFileIsTaken(t *testing.T) {
	_, example, found := strings.Cut(providersTop, "```yaml\n")
	require.True(t, found)
	example, _, found = strings.Cut(example, "```")
	require.True(t, found)
	table, err := provider.Builtin().Override([]byte(example), "example.yaml")
	require.NoError(t, err)
	require.Equal(t, []string{"oura/will"}, table.Accounts())
}
