package lowkey_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv/lowkey"
)

// java puts a program that prints a version, then runs the given script, into a new home.
func java(t *testing.T, version, then string) (home string) {
	t.Helper()
	home = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "bin"), 0o755))
	script := "#!/bin/sh\nif [ \"$1\" = -version ]; then echo 'openjdk version \"" + version + "\" 2026-04-21' >&2; exit; fi\n" + then + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(home, "bin", "java"), []byte(script), 0o755))
	return home
}

func TestTheFirstJavaThatIsRecentEnoughIsTaken(t *testing.T) {
	for _, version := range []string{"25", "25.0.3", "26-ea"} {
		home := java(t, version, "")
		t.Setenv("JAVA_HOME", home)
		found, err := lowkey.FindJava(t.Context())
		require.NoError(t, err)
		require.Equal(t, filepath.Join(home, "bin", "java"), found)
	}
	recent := java(t, "25.0.3", "")
	t.Setenv("PATH", filepath.Join(recent, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, version := range []string{"17.0.1", "1.8.0_392", "unknown"} {
		t.Setenv("JAVA_HOME", java(t, version, ""))
		found, err := lowkey.FindJava(t.Context())
		require.NoError(t, err)
		require.Equal(t, "java", found)
	}
}

func TestAProgramThatEndsAtOnceIsReportedWithItsOutput(t *testing.T) {
	home := java(t, "25", "echo fake-reason; exit 1")

	_, err := lowkey.Start(t.Context(), filepath.Join(home, "bin", "java"), "fake.jar")

	require.EqualError(t, err, "start Lowkey Vault: it ended before it was ready:\nfake-reason\n")
}
