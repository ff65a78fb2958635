package temporal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv/temporal"
)

func TestFindTakesOnlyARecentCLI(t *testing.T) {
	for _, tc := range []struct {
		name, printed string
		want          string // part of the error; empty means it is taken
	}{
		{"the oldest that will do", "temporal version 1.5.0 (Server 1.29.0, UI 2.41.0)", ""},
		{"built from source", "temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)", ""},
		{"a newer server", "temporal version 1.9.0 (Server 1.32.0, UI 2.50.0)", ""},
		{"a newer major version", "temporal version 2.0.0 (Server 2.0.0, UI 3.0.0)", ""},
		{"too old", "temporal version 1.4.1 (Server 1.28.0, UI 2.39.0)", "too old: its server is 1.28"},
		{"another program of that name", "temporal 3 (a time tracker)", "not a Temporal CLI"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "temporal")
			script(t, path, `echo "`+tc.printed+`"`)
			t.Setenv(temporal.EnvPath, path)

			found, err := temporal.Find(t.Context())

			if tc.want == "" {
				require.NoError(t, err)
				require.Equal(t, path, found)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, temporal.EnvPath)
		})
	}
}

func TestFindPrefersTheModulesOwnToTheOneOnPath(t *testing.T) {
	onPath := pathWith(t, map[string]string{"temporal": `echo "` + recent + `"`})
	t.Setenv(temporal.EnvPath, "")
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module example\n"), 0o644))
	require.NoError(t, os.MkdirAll(filepath.Join(root, ".bin"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "deep", "inside"), 0o755))
	t.Chdir(filepath.Join(root, "deep", "inside"))

	found, err := temporal.Find(t.Context())
	require.NoError(t, err)
	require.Equal(t, filepath.Join(onPath, "temporal"), found)

	own := filepath.Join(root, ".bin", "temporal")
	script(t, own, `echo "`+recent+`"`)
	found, err = temporal.Find(t.Context())
	require.NoError(t, err)
	require.Equal(t, own, found)
}

func TestForTestSkipsOrFailsWithWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(temporal.EnvPath, "")
	t.Chdir(t.TempDir())

	t.Setenv(temporal.EnvRequire, "")
	bare := &recordingTest{TB: t}
	temporal.ForTest(bare)
	require.Contains(t, bare.skipped, `run "make temporal"`)
	require.Empty(t, bare.failed)

	t.Setenv(temporal.EnvRequire, "1")
	demanding := &recordingTest{TB: t}
	temporal.ForTest(demanding)
	require.Contains(t, demanding.failed, `run "make temporal"`)
	require.Empty(t, demanding.skipped)
}

// recordingTest is a test that goes on after it was skipped or failed.
type recordingTest struct {
	testing.TB
	skipped, failed string
}

func (r *recordingTest) Skipf(format string, args ...any)  { r.skipped = fmt.Sprintf(format, args...) }
func (r *recordingTest) Fatalf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }
