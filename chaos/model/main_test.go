package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/model/protocol"
)

func TestEveryCounterExampleIsShown(t *testing.T) {
	found := withoutEach()

	t.Run("on the committed page", func(t *testing.T) {
		committed, err := os.ReadFile(filepath.Join("..", "..", "docs", "model.md"))
		require.NoError(t, err)
		require.Equal(t, page(found), string(committed), "write it again: go run ./chaos/model -write docs/model.md")
	})
	t.Run("in the terminal, to its end", func(t *testing.T) {
		shown, err := counterExamples(found)
		require.NoError(t, err)
		for _, f := range found {
			require.Contains(t, shown, f.Name)
			require.Contains(t, shown, f.Trace[len(f.Trace)-1].String()+"\n      Then "+f.Broken.String())
		}
	})
}

func TestAProtectionThatIsNotNeededIsAnError(t *testing.T) {
	_, err := counterExamples([]without{{protocol.Protection{Name: "Belt"}, protocol.Report{}}})
	require.ErrorContains(t, err, `without "Belt" every promise is kept`)
}
