package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

// commands are all that do something, with their path below starter.
func commands(cmd *cobra.Command, path ...string) (all [][]string) {
	for _, sub := range cmd.Commands() {
		if name := sub.Name(); name != "help" && name != "completion" {
			all = append(all, commands(sub, append(path[:len(path):len(path)], name)...)...)
		}
	}
	if len(all) == 0 {
		all = append(all, path)
	}
	return all
}

// Every command answers with one JSON document where it is asked to, also where it fails
// and where the command line itself is wrong.
func TestEverySubcommandFailsInJSON(t *testing.T) {
	all := commands(newRoot(nil))
	require.Greater(t, len(all), 16)
	failures := map[string]struct {
		environ map[string]string
		flags   []string
		kind    failureKind
		code    int
	}{
		"wrong configuration": {map[string]string{"TOKENKEEPER_WEB_UI": "nowhere"}, nil, kindConfiguration, 2},
		"wrong usage":         {nil, []string{"--frobnicate"}, kindUsage, 2},
	}
	for name, f := range failures {
		for _, path := range all {
			if path[0] == "doctor" && f.kind == kindConfiguration {
				continue // mistakes in the configuration are among what it finds
			}
			var out, notes bytes.Buffer
			args := append(append([]string{}, path...), "--output", "json")
			if path[0] == "keys" && path[1] == "retire" {
				args = append(args, "1")
			}
			require.Equal(t, f.code, run(t.Context(), append(args, f.flags...), f.environ, &out, &notes), "%s: %v: %s", name, path, &notes)
			document := requireOneDocument(t, out.Bytes())
			require.NotNil(t, document.Error, "%v: %s", path, &out)
			require.Equal(t, f.kind, document.Error.Kind, "%v", path)
			require.Equal(t, f.code, document.Error.ExitCode)
			require.NotEmpty(t, document.Error.Message)
			require.Contains(t, notes.String(), "starter: ", "people read it on stderr")
		}
	}
}

// A command for one account fails in JSON where Temporal is away.
func TestFailuresNameTheirFixInJSON(t *testing.T) {
	for _, command := range []string{"start", "stop", "schedule", "refresh", "status", "recover", "forecast"} {
		var out, notes bytes.Buffer
		environ := config.Environ([]string{"TEMPORAL_ADDRESS=127.0.0.1:1"})
		require.Equal(t, 1, run(t.Context(), []string{command, "--output", "json"}, environ, &out, &notes))
		failure := requireOneDocument(t, out.Bytes()).Error
		require.Equal(t, kindFailed, failure.Kind, command)
		require.Contains(t, failure.Message, "no Temporal server answers at 127.0.0.1:1", command)
		require.Equal(t, "if it should be this machine, start one with: temporal server start-dev --db-filename temporal.db; otherwise set TEMPORAL_ADDRESS", failure.Fix, command)
	}
}

func TestFixOfIsWhatFollowsTheCause(t *testing.T) {
	for message, want := range map[string]string{
		"vault: set will-RefreshToken: access denied; grant the role": "grant the role",
		"a; b; c":                 "b; c",
		"interrupted":             "",
		"2 failed:\n  a: x; do y": "",
	} {
		require.Equal(t, want, fixOf(message))
	}
}

func requireOneDocument(t *testing.T, text []byte) (document narrated) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	require.NoError(t, decoder.Decode(&document), "%q", text)
	require.False(t, decoder.More(), "more than one document: %s", text)
	return document
}
