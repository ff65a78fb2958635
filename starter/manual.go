//go:build manual

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"tokenkeeper/internal/config"
)

// The names under which the programs are installed.
const (
	installedStarter = "tokenkeeper-starter"
	installedWorker  = "tokenkeeper-worker"
)

// main writes the manual pages of both programs, and the starter's completions for each
// shell, into a folder:
//
//	go run -tags manual ./starter DIR
//
// It is this package's, because the commands are, and behind a tag, so that neither it nor
// what it imports is part of the program. SOURCE_DATE_EPOCH dates the pages.
func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run -tags manual ./starter DIR")
		os.Exit(2)
	}
	if err := writeManual(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func writeManual(dir string) error {
	pages, completions := filepath.Join(dir, "man", "man1"), filepath.Join(dir, "completions")
	for _, folder := range []string{pages, completions} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	root := newRoot(map[string]string{})
	root.Use = installedStarter
	for _, write := range []func() error{
		func() error {
			return root.GenBashCompletionFileV2(filepath.Join(completions, installedStarter+".bash"), true)
		},
		func() error { return root.GenZshCompletionFile(filepath.Join(completions, "_"+installedStarter)) },
		func() error {
			return root.GenFishCompletionFile(filepath.Join(completions, installedStarter+".fish"), true)
		},
		func() error {
			return root.GenPowerShellCompletionFileWithDesc(filepath.Join(completions, installedStarter+".ps1"))
		},
		func() error { return writePages(root, pages) },
		func() error { return writePages(workerCommand(), pages) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

func writePages(root *cobra.Command, dir string) error {
	forMarkdown(root)
	header := &doc.GenManHeader{Section: "1", Source: "Token Keeper", Manual: "Token Keeper"}
	return doc.GenManTree(root, header, dir)
}

// workerCommand is the worker's command line for its page; it has no commands of its own.
func workerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: installedWorker, Short: "Refresh tokens until it gets a signal to stop", Run: func(*cobra.Command, []string) {},
		Long: "Takes no arguments; these variables configure it:\n\n" + config.WorkerHelp(), DisableAutoGenTag: true,
	}
	cmd.Flags().Bool("healthy", false, "ask the worker with the same environment, on this machine or in this container, whether it takes work")
	cmd.Flags().Bool("version", false, "print what this program was built from")
	return cmd
}

// variable is one of config's, as help prints it.
var variable = regexp.MustCompile(`(?m)^([A-Z][A-Z0-9_]+\*?)( \(.*\))?\n    (.+)\n`)

// forMarkdown writes the texts of a command and of those below it as the pages' maker
// reads them, and calls the program by its installed name in the examples.
func forMarkdown(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	cmd.Long = variable.ReplaceAllStringFunc(cmd.Long, func(text string) string {
		part := variable.FindStringSubmatch(text)
		return "`" + part[1] + "`" + part[2] + "\n:   " + strings.NewReplacer("_", `\_`, "*", `\*`).Replace(part[3]) + "\n\n"
	})
	cmd.Example = strings.ReplaceAll(cmd.Example, "  starter ", "  "+installedStarter+" ")
	for _, c := range cmd.Commands() {
		forMarkdown(c)
	}
}
