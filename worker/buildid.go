package main

import "runtime/debug"

// revision is what the image was built from; the linker sets it.
var revision string

// withBuildID gives a worker of a deployment the revision it was built from as
// its build id, where the environment names none. An image then never passes
// for another one's version.
func withBuildID(environ map[string]string, revision string) map[string]string {
	const name, build = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"
	if environ[name] != "" && environ[build] == "" && revision != "" {
		environ[build] = revision
	}
	return environ
}

// builtFrom is the revision that the linker was told, or else the one that Go
// recorded: a commit with nothing changed since. It is empty where neither is known.
func builtFrom() string {
	if revision != "" {
		return revision
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return recorded(info.Settings)
}

func recorded(settings []debug.BuildSetting) (commit string) {
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			return ""
		}
	}
	return commit
}
