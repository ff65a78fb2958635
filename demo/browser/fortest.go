package browser

import (
	"errors"
	"os"
	"testing"
)

// EnvRequire, set to 1, makes a test that finds no Chromium fail instead of
// being skipped.
const EnvRequire = "TOKENKEEPER_REQUIRE_CHROMIUM"

// ForTest opens a window that is closed with the test. Where there is no
// Chromium it skips the test, or fails it when EnvRequire is 1.
func ForTest(t testing.TB) *Browser {
	t.Helper()
	b, err := Open(t.Context(), 1400, 1000)
	switch {
	case err == nil:
		t.Cleanup(b.Close)
	case errors.Is(err, ErrNone) && os.Getenv(EnvRequire) != "1":
		t.Skip("this test looks at the Web UI:", err)
	default:
		t.Fatal("this test looks at the Web UI:", err)
	}
	return b
}
