package main_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

const (
	// shortWindow is a replay window of which half may be waited for.
	shortWindow = time.Minute

	// tooLong is a wait that a gateway asks for, far beyond a window.
	tooLong = authserver.Duration(10 * time.Minute)
)

// At most four accounts share a worker, and two that are rate limited: more of them would have
// its breaker hold those back that come later.
func TestF23WaitBeyondTheWindowIsCutShortWhileAPairMayBeWaiting(t *testing.T) {
	t.Parallel()
	unavailable := authserver.Fault{Commit: true, Answer: authserver.Status, Status: http.StatusServiceUnavailable}
	tooMany := authserver.Fault{Commit: true, Answer: authserver.Status, Status: http.StatusTooManyRequests}
	retryAfter := func(f authserver.Fault, as authserver.WaitForm) []authserver.Fault {
		f.RetryAfter, f.WaitAs = tooLong, as
		return []authserver.Fault{f}
	}
	reset := func(f authserver.Fault, as authserver.WaitForm) []authserver.Fault {
		f.RateLimitReset, f.WaitAs = tooLong, as
		return []authserver.Fault{f}
	}
	for worker, rows := range map[string]map[string][]authserver.Fault{
		"a wait that can be read": {
			"503 with Retry-After":           retryAfter(unavailable, authserver.InSeconds),
			"503 with Retry-After as a date": retryAfter(unavailable, authserver.AsHTTPDate),
			"503 with Retry-After as a time": retryAfter(unavailable, authserver.AsUnixTime),
			"429 with Retry-After":           retryAfter(tooMany, authserver.InSeconds),
		},
		"a wait that is rubbish, or in milliseconds": {
			"503 with Retry-After as rubbish": retryAfter(unavailable, authserver.AsRubbish),
			"429 with Retry-After as a time":  retryAfter(tooMany, authserver.AsUnixMillis),
			"no answer, then 429 with Retry-After": {
				{Commit: true, Answer: authserver.Reset},
				{Answer: authserver.Status, Status: http.StatusTooManyRequests, RetryAfter: tooLong},
			},
		},
		"a reset": {
			"429 with a reset":           reset(tooMany, authserver.InSeconds),
			"429 with a reset as a time": reset(tooMany, authserver.AsUnixTime),
		},
	} {
		t.Run(worker, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: shortWindow}})
			s.work()
			runs := map[string]run{}
			for name, faults := range rows {
				runs[name] = s.consentMeeting(faults...).refresh()
			}
			for name, run := range runs {
				run.refreshed(name)
				run.providerSaw(grant.Rotated, grant.Replayed)
				run.lostNothing()
			}
		})
	}
}

// Withings refuses the same request within ten seconds, and says how long in the body.
func TestF23LeastPauseOfAProviderIsKeptInsideTheWindow(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: authserver.Options{Provider: authserver.Withings(), ReplayWindow: window}})
	s.work()
	withings := s.fitbit()
	withings.name, withings.title, withings.prefix = "withings", "Withings", "Withings-"
	runs := map[string]run{}
	for name, fault := range map[string]authserver.Fault{
		"no answer": {Commit: true, Answer: authserver.Reset},
		"601":       {Commit: true, Answer: authserver.Status, Status: http.StatusTooManyRequests, RetryAfter: tooLong},
	} {
		a := s.consentAt(withings)
		fault.Endpoint, fault.User = authserver.Token, a.user
		require.NoError(t, s.Provider.Inject(fault))
		runs[name] = a.refresh()
	}
	for name, run := range runs {
		run.refreshed(name)
		run.providerSaw(grant.Rotated, grant.Replayed)
		// One that comes too early presents nothing.
		require.Equal(t, len(run.outcomes()), run.calls(), "%s: requests, with those that came too early", name)
		run.lostNothing()
	}
}

// Nothing is waiting to be repeated: the provider is given the time that it asks for.
func TestF23WaitOutsideAWindowIsWaitedOut(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	s.work()
	const wait = 40 * time.Second // longer than such a provider is left alone anyway
	runs := map[string]run{}
	for name, form := range map[string]authserver.WaitForm{"seconds": authserver.InSeconds, "a date": authserver.AsHTTPDate, "a Unix time": authserver.AsUnixTime} {
		a := s.consent()
		require.NoError(t, s.Provider.Inject(authserver.Fault{
			Endpoint: authserver.Token, User: a.user, Answer: authserver.Status, Status: http.StatusTooManyRequests,
			RetryAfter: authserver.Duration(wait), WaitAs: form,
		}))
		runs[name] = a.refresh()
	}
	for name, run := range runs {
		run.refreshed(name)
		run.asked(2)
		taken, scheduled := run.Provider.Events(run.user)[0].Time, run.scheduled("CallFitbit")
		require.GreaterOrEqual(t, taken.Sub(scheduled), wait-time.Second, "%s: scheduled at %s, taken at %s", name, scheduled, taken)
		run.lostNothing()
	}
}

func TestF23RefreshNowCutsALongWaitShort(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	s.work()
	a := s.consent()
	require.NoError(t, s.Provider.Inject(authserver.Fault{
		Endpoint: authserver.Token, User: a.user, Answer: authserver.Status, Status: http.StatusTooManyRequests, RetryAfter: authserver.Duration(time.Hour),
	}))
	run := a.refresh()
	s.eventually("the provider has asked for an hour", func() bool {
		call := run.pending("CallFitbit")
		return a.calls() == 1 && (call == nil || call.GetAttempt() > 1)
	})
	a.cli("workflow", "signal-with-start", "--signal-name", workflows.RefreshNow, "--type", workflows.Type, "--task-queue", a.TaskQueue())

	run.ends(workflows.Refreshed, grant.Rotated)
}
