package config

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARevisionIsTheCommitOfATreeWithoutChanges(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "4b890ad"}
	for name, c := range map[string]struct {
		settings []debug.BuildSetting
		commit   string
		modified bool
		describe string
	}{
		"clean":   {[]debug.BuildSetting{commit, {Key: "vcs.modified", Value: "false"}}, "4b890ad", false, "4b890ad-dirty"},
		"changed": {[]debug.BuildSetting{commit, {Key: "vcs.modified", Value: "true"}}, "4b890ad", true, "4b890ad-dirty"},
		"none":    {nil, "", false, "unknown revision"},
	} {
		t.Run(name, func(t *testing.T) {
			found, modified := recordedCommit(c.settings)
			require.Equal(t, c.commit, found)
			require.Equal(t, c.modified, modified)
			require.Equal(t, c.describe, unreleased(c.settings))
		})
	}
}

func TestTheVersionNamesWhatItRunsOn(t *testing.T) {
	require.Contains(t, Version(), " ("+runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH+")")
}
