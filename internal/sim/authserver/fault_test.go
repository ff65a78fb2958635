package authserver_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

func requireHeld(t *testing.T, s *authserver.Server, want int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Held("") == want }, patience, time.Millisecond)
}

func TestFaultAnswers(t *testing.T) {
	cases := []struct {
		name  string
		fault authserver.Fault
		// spent: the request takes effect although its answer is a fault.
		spent bool
		check func(t *testing.T, a answer, err error)
	}{
		{"reset before commit", authserver.Fault{Answer: authserver.Reset}, false, requireReset},
		{"reset after commit", authserver.Fault{Answer: authserver.Reset, Commit: true}, true, requireReset},
		{"503", authserver.Fault{Answer: authserver.Status, Status: 503}, false, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.Equal(t, 503, a.status)
			require.Equal(t, "text/html", a.header.Get("Content-Type"))
		}},
		{"502 after commit", authserver.Fault{Answer: authserver.Status, Status: 502, Commit: true}, true, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.Equal(t, 502, a.status)
		}},
		{"429", authserver.Fault{
			Answer: authserver.Status, Status: 429,
			RetryAfter: authserver.Duration(7 * time.Second), RateLimitReset: authserver.Duration(time.Minute),
		}, false, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.Equal(t, 429, a.status)
			require.Equal(t, "7", a.header.Get("Retry-After"))
			require.Equal(t, "60", a.header.Get("Fitbit-Rate-Limit-Reset"))
			require.Equal(t, "system", a.errorType(t))
		}},
		{"malformed", authserver.Fault{Answer: authserver.Malformed}, false, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.Equal(t, 200, a.status)
			require.Contains(t, a.body, `"access_token"`)
			require.NotContains(t, a.body, "}")
		}},
		{"HTML", authserver.Fault{Answer: authserver.HTML, Commit: true}, true, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.Equal(t, 200, a.status)
			require.Contains(t, a.body, "<!doctype html>")
		}},
		{"truncated", authserver.Fault{Answer: authserver.Truncated}, true, func(t *testing.T, a answer, err error) {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, 200, a.status)
			require.Contains(t, a.body, `"access_token"`)
		}},
		{"no tokens", authserver.Fault{Answer: authserver.NoTokens}, false, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.NotContains(t, a.json(t), "access_token")
			require.Equal(t, user, a.json(t)["user_id"])
		}},
		{"empty tokens", authserver.Fault{Answer: authserver.EmptyTokens, Commit: true}, true, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.Equal(t, 200, a.status)
			require.Equal(t, "", a.json(t)["refresh_token"])
		}},
		{"wrong user", authserver.Fault{Answer: authserver.WrongUser}, true, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.Equal(t, authserver.WrongUserID, a.json(t)["user_id"])
			require.NotEmpty(t, a.json(t)["refresh_token"])
		}},
		{"invalid client", authserver.Fault{Answer: authserver.InvalidClient}, false, func(t *testing.T, a answer, err error) {
			require.NoError(t, err)
			require.Equal(t, 401, a.status)
			require.Equal(t, "invalid_client", a.errorType(t))
			require.Contains(t, a.body, "Basic ")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, authserver.Options{})
			refreshToken, _ := s.CreateGrant(user)
			require.NoError(t, s.Inject(c.fault))
			a, err := refresh(t.Context(), s, refreshToken)
			c.check(t, a, err)
			require.Equal(t, c.spent, s.Replayable(refreshToken))
			require.Equal(t, !c.spent, s.IsLive(refreshToken))
			require.Equal(t, http.StatusOK, mustRefresh(t, s, refreshToken).status, "the fault is gone, and a lost answer comes again")
			events := s.Events(user)
			require.Equal(t, c.spent, events[0].Lost)
			last := events[len(events)-1]
			require.False(t, last.Lost)
			require.False(t, last.Sent.Before(last.Time), "it was sent after it took effect")
			if c.spent {
				require.Equal(t, c.fault.Answer == authserver.Reset, events[0].Sent.IsZero(), "a reset sends nothing")
			}
		})
	}
}

func requireReset(t *testing.T, _ answer, err error) {
	t.Helper()
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestDelays(t *testing.T) {
	const tooLong = authserver.Duration(time.Hour)
	cases := []struct {
		name  string
		fault authserver.Fault
		spent bool
	}{
		{"before commit", authserver.Fault{DelayBefore: tooLong}, false},
		{"after commit", authserver.Fault{DelayAfter: tooLong}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, authserver.Options{})
			refreshToken, _ := s.CreateGrant(user)
			require.NoError(t, s.Inject(c.fault))
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := refresh(ctx, s, refreshToken)
				failed <- err
			}()
			arrived := func() bool {
				return s.Stats().Total.Calls[authserver.Token] == 1 && s.Replayable(refreshToken) == c.spent
			}
			require.Eventually(t, arrived, patience, time.Millisecond)
			cancel()
			require.ErrorIs(t, <-failed, context.Canceled)
		})
	}
}

func TestADelayedRequestTakesEffectAlthoughTheClientGaveUp(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	require.NoError(t, s.Inject(authserver.Fault{DelayBefore: authserver.Duration(time.Hour)}))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := refresh(ctx, s, refreshToken)
		failed <- err
	}()
	require.Eventually(t, func() bool { return s.Stats().Total.Calls[authserver.Token] == 1 }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	s.Close() // ends the delay
	require.Eventually(t, func() bool { return s.Replayable(refreshToken) }, patience, time.Millisecond)
}

func TestHeldAnswerWaitsForRelease(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	require.NoError(t, s.Inject(authserver.Fault{Endpoint: authserver.Token, User: user, Hold: true}))
	got := make(chan answer, 1)
	go func() {
		a, err := refresh(t.Context(), s, refreshToken)
		if err == nil {
			got <- a
		}
		close(got)
	}()
	requireHeld(t, s, 1)
	require.True(t, s.Replayable(refreshToken), "a held request has taken effect")
	require.Zero(t, s.Held("FAKE02"))
	require.Zero(t, s.Release("FAKE02"))
	require.Empty(t, got)

	require.Equal(t, 1, s.Release(user))
	require.Equal(t, http.StatusOK, (<-got).status)
	require.Zero(t, s.Held(user))
}

func TestHoldEndsWhenTheClientHangsUp(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	require.NoError(t, s.Inject(authserver.Fault{Hold: true}))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := refresh(ctx, s, refreshToken)
		failed <- err
	}()
	requireHeld(t, s, 1)
	cancel()
	require.True(t, errors.Is(<-failed, context.Canceled))
	requireHeld(t, s, 0)
	require.Equal(t, http.StatusOK, mustRefresh(t, s, refreshToken).status)
}

func TestRetiredProviderAnswersGoneToEverything(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, access := s.CreateGrant(user)
	s.Retire()
	require.Equal(t, http.StatusGone, mustRefresh(t, s, refreshToken).status)
	require.Equal(t, http.StatusGone, profile(t, s, access).status)
	require.Equal(t, http.StatusGone, get(t, s.URL()+"/oauth2/authorize").status)
	require.True(t, s.IsLive(refreshToken))
}

func TestInjectRefusesFaultsThatMakeNoSense(t *testing.T) {
	s := start(t, authserver.Options{})
	for name, c := range map[string]struct {
		fault authserver.Fault
		want  string
	}{
		"unknown endpoint":        {authserver.Fault{Endpoint: "tokens"}, `endpoint "tokens" is unknown; use authorize`},
		"unknown answer":          {authserver.Fault{Answer: "shrug"}, `answer "shrug" is unknown`},
		"status answer without":   {authserver.Fault{Answer: authserver.Status}, "use 400 to 599"},
		"status on another":       {authserver.Fault{Answer: authserver.HTML, Status: 503}, "belong to the answer"},
		"header on the true one":  {authserver.Fault{RetryAfter: 1}, "belong to the answer"},
		"a wait on another":       {authserver.Fault{WaitAs: authserver.AsUnixTime}, "belong to the answer"},
		"unknown form of a wait":  {authserver.Fault{Answer: authserver.Status, Status: 503, WaitAs: "weeks"}, `wait_as "weeks" is unknown`},
		"negative size":           {authserver.Fault{Answer: authserver.FloodBody, Size: -1}, "negative size"},
		"status that is no error": {authserver.Fault{Answer: authserver.Status, Status: 302}, "status 302 is no error"},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, s.Inject(c.fault), c.want) })
	}
}

// status is a fault that shows which fault struck.
func status(code int, f authserver.Fault) authserver.Fault {
	f.Answer, f.Status = authserver.Status, code
	return f
}

func TestScript(t *testing.T) {
	const (
		mine   = "refresh of FAKE01"
		theirs = "refresh of FAKE02"
		read   = "profile of FAKE01"
	)
	cases := []struct {
		name   string
		faults []authserver.Fault
		calls  []string
		want   []int
	}{
		{"faults without conditions are a queue",
			[]authserver.Fault{status(500, authserver.Fault{}), status(502, authserver.Fault{}), status(503, authserver.Fault{})},
			[]string{mine, theirs, read, mine}, []int{500, 502, 503, 200}},
		{"by endpoint",
			[]authserver.Fault{status(500, authserver.Fault{Endpoint: authserver.Token})},
			[]string{read, mine, mine}, []int{200, 500, 200}},
		{"by user",
			[]authserver.Fault{status(500, authserver.Fault{User: "FAKE02"})},
			[]string{mine, read, theirs, theirs}, []int{200, 200, 500, 200}},
		{"by user and endpoint, found by the access token",
			[]authserver.Fault{status(500, authserver.Fault{User: "FAKE01", Endpoint: authserver.Profile})},
			[]string{mine, theirs, read}, []int{200, 200, 500}},
		{"the n-th matching call",
			[]authserver.Fault{status(500, authserver.Fault{Endpoint: authserver.Token, Nth: 2})},
			[]string{mine, read, theirs, mine}, []int{200, 200, 500, 200}},
		{"several times",
			[]authserver.Fault{status(500, authserver.Fault{Nth: 2, Times: 2})},
			[]string{read, read, read, read}, []int{200, 500, 500, 200}},
		{"every time, behind a fault that comes first",
			[]authserver.Fault{status(502, authserver.Fault{}), status(500, authserver.Fault{Times: authserver.EveryTime})},
			[]string{read, read, read}, []int{502, 500, 500}},
		{"the n-th call waits when another fault takes it",
			[]authserver.Fault{status(502, authserver.Fault{}), status(500, authserver.Fault{Nth: 1})},
			[]string{read, read, read}, []int{502, 500, 200}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, authserver.Options{})
			first, access := s.CreateGrant("FAKE01")
			second, _ := s.CreateGrant("FAKE02")
			for _, f := range c.faults {
				require.NoError(t, s.Inject(f))
			}
			call := map[string]func() answer{
				mine:   func() answer { return replace(t, s, &first) },
				theirs: func() answer { return replace(t, s, &second) },
				read:   func() answer { return profile(t, s, access) },
			}
			var got []int
			for _, name := range c.calls {
				got = append(got, call[name]().status)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// replace refreshes and goes on with the new refresh token.
func replace(t *testing.T, s *authserver.Server, refreshToken *string) answer {
	t.Helper()
	a := mustRefresh(t, s, *refreshToken)
	if a.status == http.StatusOK {
		*refreshToken = a.json(t)["refresh_token"].(string)
	}
	return a
}

func TestClearFaultsDropsWhatIsStillToCome(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	require.NoError(t, s.Inject(status(500, authserver.Fault{Times: authserver.EveryTime})))
	require.Equal(t, 500, mustRefresh(t, s, refreshToken).status)
	s.ClearFaults()
	require.Equal(t, 200, mustRefresh(t, s, refreshToken).status)
}
