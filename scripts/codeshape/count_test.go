package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestWordsOfANameAreCounted(t *testing.T) {
	for name, want := range map[string]int{
		"look": 1, "Store": 1, "s": 1, "HTTP": 1, "IDs": 1, "sha256": 1, "URLs": 1,
		"NewClient": 2, "readJSON": 2, "URLOf": 2, "userIDs": 2, "handOver": 2, "two_words": 2,
		"ServeHTTPFast": 3,
	} {
		require.Equal(t, want, wordsIn(name), name)
	}
}

func TestPercentileIsTheValueThatSoManyDoNotExceed(t *testing.T) {
	require.Zero(t, percentile(nil, 50))
	require.Equal(t, 3, percentile([]int{3}, 90))
	require.Equal(t, 2, percentile([]int{3, 1, 2}, 50))
	require.Equal(t, 2, percentile([]int{4, 1, 3, 2}, 50))
	require.Equal(t, 9, percentile([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 90))
}

func TestFilesBelongToTheirGroups(t *testing.T) {
	for path, want := range map[string]string{
		"internal/vault/store.go": product, "internal/vault/keyvault/client.go": product, "starter/main.go": product, "internal/simple/a.go": product,
		"internal/sim/memvault/memvault.go": testEnvironment, "internal/testenv/temporal/cli.go": testEnvironment,
		"chaos/main.go": rest, "workerpool/a.go": rest, "root.go": rest,
	} {
		require.Equal(t, want, groupOf(path), path)
	}
}

func TestPrivateWordsAreFoundInCommentsOnly(t *testing.T) {
	files, err := readTree(fstest.MapFS{"a.go": {Data: []byte(strings.Join([]string{
		"// Package a: Whoever reads this finds what came",
		"// of it. The recovery ladder leaves room for more, but the ladder is in a room.",
		"package a",
		"",
		"/*",
		" mindEscrow asks a person. MindEscrow, personal and foreigner are other words.",
		"*/",
		`const nobody = "somebody" // unseen`,
	}, "\n"))}})
	require.NoError(t, err)
	require.Equal(t, []foundWord{
		{"a.go", 1, "Whoever"}, {"a.go", 1, "what came of"}, {"a.go", 2, "ladder"}, {"a.go", 2, "room"},
		{"a.go", 6, "mindEscrow"}, {"a.go", 6, "person"}, {"a.go", 8, "unseen"},
	}, measure(whole, files).Found)
}

func TestTestsAndHiddenFoldersAreLeftOut(t *testing.T) {
	files, err := readTree(fstest.MapFS{
		"starter/main.go":        {Data: []byte("package main\n\nfunc main() {\n\tnextRun()\n}\n\nfunc nextRun() {}\n")},
		"starter/b/c.go":         {Data: []byte("package b\n")},
		"starter/main_test.go":   {Data: []byte("not Go")},
		"starter/testdata/x.go":  {Data: []byte("not Go")},
		".git/x.go":              {Data: []byte("not Go")},
		"internal/sim/hydra.go":  {Data: []byte("package sim\n")},
		"internal/sim/README.md": {Data: []byte("text")},
	})
	require.NoError(t, err)
	require.Equal(t, figures{Group: product, Files: 2, Lines: 8, MedianFile: 1, P90File: 7, LongestFile: longest{"starter/main.go", 7},
		LongestFunction: longest{"main in starter/main.go", 3}, FilesPerPackage: 1, OneWordNames: 50}, measure(product, files))
	require.Equal(t, 3, measure(whole, files).Files)
}

func TestTwoCheckoutsAreShownBesideEachOther(t *testing.T) {
	before, after := t.TempDir(), t.TempDir()
	for dir, source := range map[string]string{before: "package a // nobody\n", after: "package a\n\nvar A int\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte(source), 0o600))
	}
	var table bytes.Buffer
	require.NoError(t, run(&table, []string{before, after}, true))
	require.Regexp(t, `\n  lines +1 +3\n`, table.String())
	require.Regexp(t, `\n  private words in comments +1 +0\n`, table.String())
	require.Contains(t, table.String(), "a.go:1: nobody\n")
}
