package config

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// revision is what the program was built from; the linker sets it.
var revision string

// Revision names what this program was built from: what the linker set, as "git describe
// --always --dirty" prints it, or else the commit that Go recorded, if the tree had no
// changes. It is empty where neither is known.
func Revision() string {
	if revision != "" {
		return revision
	}
	commit, modified := recordedCommit(buildSettings())
	if modified {
		return ""
	}
	return commit
}

// Version is what --version prints and log lines begin with: the revision, the Go
// toolchain, and the platform.
func Version() string {
	return fmt.Sprintf("%s (%s %s/%s)", cmp.Or(Revision(), unreleased(buildSettings())), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func buildSettings() []debug.BuildSetting {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Settings
	}
	return nil
}

func recordedCommit(settings []debug.BuildSetting) (commit string, modified bool) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return commit, modified
}

// unreleased describes a program that no commit makes again.
func unreleased(settings []debug.BuildSetting) string {
	if commit, _ := recordedCommit(settings); commit != "" {
		return commit + "-dirty"
	}
	return "unknown revision"
}
