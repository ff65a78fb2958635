package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// program is how the operator calls this program, so that a command in a message can be
// pasted as it is.
func program() string { return called(os.Args[0], "starter") }

// command is the command line of a subcommand, as a shell reads it.
func command(words ...string) string { return program() + " " + shell(words...) }

// workerProgram is how a worker is started on the same machine.
func workerProgram() string {
	if strings.HasPrefix(program(), goRun) {
		return goRun + "worker"
	}
	if strings.Contains(program(), "starter") {
		return strings.Replace(program(), "starter", "worker", 1)
	}
	return "worker"
}

// ownCommands finds a command of this program in a message that a worker or a package wrote, which
// cannot know the name that it was called by.
var ownCommands = regexp.MustCompile(`(^|[^\w./-])starter (authorize|doctor|forecast|import|keys|migrate|move|probe|recover|refresh|revoke|schedule|start|status|stop)\b`)

// asCalled is a message whose commands can be pasted as they are.
func asCalled(message string) string { return withName(message, program()) }

func withName(message, name string) string {
	return ownCommands.ReplaceAllStringFunc(message, func(found string) string {
		return strings.Replace(found, "starter", name, 1)
	})
}

const goRun = "go run ./"

// called is the name to call a program by whose first argument is given. What go run builds
// is in a folder of its own that is gone afterwards.
func called(first, name string) string {
	base := strings.TrimSuffix(filepath.Base(first), ".exe")
	folder, parent := filepath.Base(filepath.Dir(first)), filepath.Dir(filepath.Dir(first))
	switch {
	case folder == "exe" && strings.Contains(parent, "go-build"):
		return goRun + name
	case base == "." || base == string(filepath.Separator):
		return name
	}
	return shell(base)
}
