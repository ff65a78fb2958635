package campaign

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheOldWorkerReadsNoKeysThatCameAfterIt(t *testing.T) {
	const old = "providers:\n  fitbit:\n    token_url: http://127.0.0.1:1/oauth2/token\n    replay_window: 2m0s\n"
	require.Equal(t, old, withoutLaterKeys(old))
	require.Equal(t, old, withoutLaterKeys(old+"    repeat_pause: 0s\n    reuse: harmless\n"))
}
