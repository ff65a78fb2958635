package authserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

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
	events, err := control.Events(ctx, user)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, fingerprint(old), events[0].Presented)
}

func TestControlScriptsFaults(t *testing.T) {
	s := start(t, authserver.Options{})
	ctx, control := t.Context(), authserver.Control{URL: s.URL()}
	refreshToken, _ := s.CreateGrant(user)

	fault := authserver.Fault{
		Endpoint: authserver.Token, User: user, Nth: 1, Times: 1,
		Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(90 * time.Second),
	}
	require.NoError(t, control.Inject(ctx, fault))
	require.Equal(t, "90", mustRefresh(t, s, refreshToken).header.Get("Retry-After"))

	require.NoError(t, control.Inject(ctx, fault))
	require.NoError(t, control.ClearFaults(ctx))
	require.NoError(t, control.Inject(ctx, authserver.Fault{Hold: true}))
	answered := make(chan int, 1)
	go func() {
		a, _ := refresh(ctx, s, refreshToken)
		answered <- a.status
	}()
	require.Eventually(t, func() bool {
		held, err := control.Held(ctx, user)
		return err == nil && held == 1
	}, 10*time.Second, 5*time.Millisecond)
	released, err := control.Release(ctx, "")
	require.NoError(t, err)
	require.Equal(t, 1, released)
	require.Equal(t, http.StatusOK, <-answered)

	require.NoError(t, control.Retire(ctx))
	require.Equal(t, http.StatusGone, mustRefresh(t, s, refreshToken).status)
	_, err = control.Stats(ctx)
	require.NoError(t, err, "retirement does not reach the control endpoint")
}

func TestControlSaysWhatIsWrong(t *testing.T) {
	s := start(t, authserver.Options{})
	control := authserver.Control{URL: s.URL()}
	require.ErrorContains(t, control.Inject(t.Context(), authserver.Fault{Answer: "shrug"}), `answer "shrug" is unknown`)

	for body, want := range map[string]string{
		`{"anser":"reset"}`:                      `unknown field`,
		`{"answer":"reset","delay_before":"2d"}`: `write it as in`,
		`{`:                                      `EOF`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/_sim/faults", strings.NewReader(body))
		require.NoError(t, err)
		a, err := send(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, a.status)
		require.Contains(t, a.body, want)
	}

	s.Close()
	_, err := control.Audit(t.Context(), user)
	require.ErrorContains(t, err, "provider simulator")
	_, err = authserver.Control{URL: "::"}.Stats(t.Context())
	require.ErrorContains(t, err, "provider simulator")
}

func TestControlGivesNoTokenAwayExceptWhenItCreatesTheGrant(t *testing.T) {
	s := start(t, authserver.Options{TokenPrefix: "canary-"})
	refreshToken, _ := s.CreateGrant(user)
	mustRefresh(t, s, refreshToken)
	mustRefresh(t, s, "canary-unknown")
	for _, path := range []string{"/_sim/audit?user=" + user, "/_sim/stats", "/_sim/events", "/_sim/held"} {
		a := get(t, s.URL()+path)
		require.Equal(t, http.StatusOK, a.status)
		require.NotContains(t, a.body, "canary-")
	}
}
