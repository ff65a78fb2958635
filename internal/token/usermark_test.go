package token_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

func TestAUserHasOneMarkAtEachProvider(t *testing.T) {
	require.Equal(t, token.UserMark("strava", "7"), token.UserMark("strava", "7"))
	require.Regexp(t, "^[0-9a-f]{16}$", token.UserMark("strava", "7"))
	require.NotEqual(t, token.UserMark("strava", "7"), token.UserMark("strava", "8"))
	require.NotEqual(t, token.UserMark("strava", "7"), token.UserMark("oura", "7"))
	require.NotEqual(t, token.UserMark("strava", "7"), token.UserMark("strav", "a7"))
	require.Empty(t, token.UserMark("strava", ""))
}
