package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePageIsAsTheProgramsReadTheirVariables(t *testing.T) {
	written, err := os.ReadFile("../../../docs/configuration.md")
	require.NoError(t, err)
	require.Equal(t, page(), string(written), "run go generate ./internal/config")
}
