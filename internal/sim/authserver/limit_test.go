package authserver_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

func TestAnApplicationBeyondItsLimitIsToldWhenToComeAgain(t *testing.T) {
	clock := newClock()
	s := start(t, authserver.Options{Now: clock.Now, RequestLimit: 2})
	refreshToken, _ := s.CreateGrant(user)
	ask := func() answer { return as(t, s, s.Imitates(), askedFor(s.Imitates(), refreshToken)) }
	require.Equal(t, http.StatusOK, ask().status)
	clock.Advance(4*time.Second + 300*time.Millisecond)
	require.Equal(t, http.StatusOK, ask().status)
	refused := ask()
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.Equal(t, "6", refused.header.Get("Retry-After"))
	require.Len(t, s.Events(user), 2, "what is refused so presents no token")
	clock.Advance(6 * time.Second)
	require.Equal(t, http.StatusOK, ask().status)
	require.Equal(t, 1, s.Stats().Total.Limited)
}
