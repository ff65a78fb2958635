package authserver_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

// patience is how long a condition may take to hold on a machine whose cores are
// all loaded.
const patience = 2 * time.Minute

func TestControlDoesWhatTheServersMethodsDo(t *testing.T) {
	s := start(t, authserver.Options{})
	ctx, control := t.Context(), authserver.Control{URL: s.URL()}

	old, access, err := control.CreateGrant(ctx, user)
	require.NoError(t, err)
	require.True(t, s.IsLive(old))
	require.Equal(t, http.StatusOK, profile(t, s, access).status)

	live, err := control.IsLive(ctx, old)
	require.NoError(t, err)
	require.True(t, live)
	mustRefresh(t, s, old)
	replayable, err := control.Replayable(ctx, old)
	require.NoError(t, err)
	require.True(t, replayable)

	audit, err := control.Audit(ctx, user)
	require.NoError(t, err)
	require.Equal(t, s.Audit(user).Live, audit.Live)
	require.Equal(t, 1, audit.Generation)
	stats, err := control.Stats(ctx)
	require.NoError(t, err)
	require.Equal(t, s.Stats(), stats)
}

func TestTheControlEndpointEndsGrantsAndMovesTheClock(t *testing.T) {
	s := start(t, authserver.Options{Provider: authserver.Xero()})
	refreshToken, _ := s.CreateGrant(user)
	require.Equal(t, http.StatusOK, control(t, s, "POST", "advance", `{"by":"1439h"}`).status)
	require.True(t, s.IsLive(refreshToken))
	require.Equal(t, http.StatusOK, control(t, s, "POST", "advance", `{"by":"1h"}`).status)
	require.False(t, s.IsLive(refreshToken), "sixty days without a refresh")
	another, _ := s.CreateGrant(user)
	require.Equal(t, http.StatusOK, control(t, s, "POST", "end-grants", `{"user":"FAKE01"}`).status)
	require.False(t, s.IsLive(another))
}

// control sends a request to the control endpoint as a client without Go does.
func control(t *testing.T, s *authserver.Server, method, path, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/_sim/"+path, strings.NewReader(body))
	require.NoError(t, err)
	a, err := send(r)
	require.NoError(t, err)
	return a
}

func TestTheControlEndpointScriptsFaults(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)

	const fault = `{"endpoint":"token","user":"FAKE01","nth":1,"times":1,"answer":"status","status":429,"retry_after":"1m30s"}`
	require.Equal(t, http.StatusOK, control(t, s, "POST", "faults", fault).status)
	require.Equal(t, "90", mustRefresh(t, s, refreshToken).header.Get("Retry-After"))

	control(t, s, "POST", "faults", fault)
	control(t, s, "DELETE", "faults", "")
	control(t, s, "POST", "faults", `{"hold":true}`)
	answered := make(chan int, 1)
	go func() {
		a, _ := refresh(t.Context(), s, refreshToken)
		answered <- a.status
	}()
	require.Eventually(t, func() bool {
		return control(t, s, "GET", "held?user="+user, "").body == `{"count":1}`
	}, patience, 5*time.Millisecond)
	require.Equal(t, `{"count":1}`, control(t, s, "POST", "release", `{}`).body)
	require.Equal(t, http.StatusOK, <-answered)

	var events []authserver.Event
	require.NoError(t, json.Unmarshal([]byte(control(t, s, "GET", "events?user="+user, "").body), &events))
	require.Len(t, events, 1)
	require.Equal(t, fingerprint(refreshToken), events[0].Presented)

	control(t, s, "POST", "retire", "")
	require.Equal(t, http.StatusGone, mustRefresh(t, s, refreshToken).status)
	require.Equal(t, http.StatusOK, control(t, s, "GET", "stats", "").status, "retirement does not reach the control endpoint")
}

func TestTheControlEndpointSaysWhatIsWrong(t *testing.T) {
	s := start(t, authserver.Options{})
	for body, want := range map[string]string{
		`{"answer":"shrug"}`:                     `answer \"shrug\" is unknown`,
		`{"anser":"reset"}`:                      `unknown field`,
		`{"answer":"reset","delay_before":"2d"}`: `write it as in`,
		`{`:                                      `EOF`,
	} {
		a := control(t, s, "POST", "faults", body)
		require.Equal(t, http.StatusBadRequest, a.status)
		require.Contains(t, a.body, want)
	}
}

func TestControlFailsWhereNoSimulatorAnswers(t *testing.T) {
	s := start(t, authserver.Options{})
	s.Close()
	_, err := authserver.Control{URL: s.URL()}.Audit(t.Context(), user)
	require.ErrorContains(t, err, "provider simulator")
	_, err = authserver.Control{URL: "::"}.Stats(t.Context())
	require.ErrorContains(t, err, "provider simulator")
}

func TestControlGivesNoTokenAwayExceptWhenItCreatesTheGrant(t *testing.T) {
	s := start(t, authserver.Options{TokenPrefix: "canary-"})
	refreshToken, _ := s.CreateGrant(user)
	mustRefresh(t, s, refreshToken)
	mustRefresh(t, s, "canary-unknown")
	for _, path := range []string{"audit?user=" + user, "stats", "events", "held"} {
		a := control(t, s, "GET", path, "")
		require.Equal(t, http.StatusOK, a.status)
		require.NotContains(t, a.body, "canary-")
	}
}
