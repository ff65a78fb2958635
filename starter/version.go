package main

import (
	"cmp"
	"runtime/debug"
)

// revision is what this program was built from; the linker sets it, as the worker's.
var revision string

// version is the release or the commit that this program is of, and the Go that built it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(revision, "unknown")
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	if commit != "" {
		commit += changed
	}
	return cmp.Or(revision, commit, info.Main.Version, "unknown") + " (" + info.GoVersion + ")"
}
