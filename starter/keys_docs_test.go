package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// insteadOfAzure are the scripts' commands for what the playbook does with az.
var insteadOfAzure = map[string]string{
	"backup": "\nbackup\n", "restore": "\nrestore\n", "delete": "\ndelete\n", "purge": "\npurge\n",
	"set-attributes": "\ndisable ", "recover": "is back, with all its versions", // which init does as az
}

func TestEveryCommandOfTheKeysetsPlaybookIsRunByAScript(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "keyset.md"))
	require.NoError(t, err)
	section := string(page)
	var scripts string
	files, err := filepath.Glob(filepath.Join("testdata", "keys", "*.txt"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		scripts += string(text)
	}
	number := regexp.MustCompile(`\b(KEY|[0-9]{5,})\b`)
	commands := regexp.MustCompile("go run \\./starter (keys [^`\n]+)").FindAllStringSubmatch(section, -1)
	require.Greater(t, len(commands), 8)
	for _, c := range commands {
		command := regexp.QuoteMeta(strings.TrimSpace(number.ReplaceAllString(c[1], "NUMBER")))
		require.Regexp(t, "starter "+strings.ReplaceAll(command, "NUMBER", `\$\w+`), scripts, c[0])
	}
	for _, c := range regexp.MustCompile(`az keyvault secret ([a-z-]+)`).FindAllStringSubmatch(section, -1) {
		require.NotEmpty(t, insteadOfAzure[c[1]], "no script does what this does: %s", c[0])
		require.Contains(t, scripts, insteadOfAzure[c[1]])
	}
	for _, flag := range regexp.MustCompile("`(--[a-z-]+)`").FindAllStringSubmatch(section, -1) {
		require.Contains(t, scripts, flag[1])
	}
}
