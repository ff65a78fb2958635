package main

import (
	"bytes"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

func TestHelpNamesTheCommandsThatNeedTheVault(t *testing.T) {
	i := slices.IndexFunc(config.SharedVariables(), func(v config.Variable) bool { return v.Name == "KEY_VAULT_URL" })
	help := config.SharedVariables()[i].Meaning
	for _, cmd := range newRoot(nil).Commands() {
		args := []string{cmd.Name()}
		if cmd.HasSubCommands() {
			args = append(args, cmd.Commands()[0].Name())
		}
		var out bytes.Buffer
		// A mistake in the environment ends every command before it contacts anything; doctor
		// finds it.
		code := 2
		if cmd.Name() == "doctor" {
			code = 3
		}
		require.Equal(t, code, run(t.Context(), args, map[string]string{"TOKENKEEPER_WEB_UI": "nowhere"}, &out, &out), "%v: %s", args, &out)
		needs := bytes.Contains(out.Bytes(), []byte("KEY_VAULT_URL"))
		if cmd.Name() == "move" {
			needs = true // with --to-vault, which reads it later
		}
		named := regexp.MustCompile(`\b` + cmd.Name() + `\b`).MatchString(help)
		require.Equal(t, needs, named, "%s: %s", cmd.Name(), help)
	}
}

func TestHelpNamesTheCommandsThatExitWith3(t *testing.T) {
	help := newRoot(nil).Long
	for _, name := range []string{"status", "forecast", "keys", "doctor", "revoke", "recover"} {
		require.Regexp(t, `(?s)    3  .*\b`+name+`\b.*  130  `, help)
	}
}
