package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAVersionedWorkerIsBuiltFromItsBuildID(t *testing.T) {
	const name, build = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"
	for _, tc := range []struct {
		name     string
		environ  map[string]string
		revision string
		want     string
	}{
		{"the revision where none is named", map[string]string{name: "keeper"}, "4b890ad", "4b890ad"},
		{"the named one before all", map[string]string{name: "keeper", build: "v2"}, "4b890ad", "v2"},
		{"none without a revision", map[string]string{name: "keeper"}, "", ""},
		{"none without a deployment", map[string]string{}, "4b890ad", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, withBuildID(tc.environ, tc.revision)[build])
		})
	}
}

func TestAChangedTreeHasNoRevision(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "4b890ad"}
	require.Equal(t, "4b890ad", recorded([]debug.BuildSetting{commit, {Key: "vcs.modified", Value: "false"}}))
	require.Empty(t, recorded([]debug.BuildSetting{commit, {Key: "vcs.modified", Value: "true"}}))
	require.Empty(t, recorded(nil))
}
