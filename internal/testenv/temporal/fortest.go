package temporal

import (
	"os"
	"testing"
)

// EnvRequire, set to 1, makes a test that finds no CLI fail instead of being
// skipped. "make test" sets it, so that nothing is left out in silence.
const EnvRequire = "TOKENKEEPER_REQUIRE_TEMPORAL"

// ForTest returns the path of the CLI that [Find] finds. Where there is none it
// skips the test, or fails it when EnvRequire is 1.
func ForTest(t testing.TB) string {
	t.Helper()
	path, err := Find(t.Context())
	switch {
	case err == nil:
	case os.Getenv(EnvRequire) == "1":
		t.Fatalf("this test needs the Temporal CLI: %v", err)
	default:
		t.Skipf("this test needs the Temporal CLI: %v", err)
	}
	return path
}
