package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// page is a refusal of what stands before the provider.
func page(status int) authserver.Fault {
	return authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Verbatim, Status: status, Body: "<html><title>no</title></html>"}
}

// refuses has requests of the account refused with a status, a number of times, in words that
// are the token endpoint's own.
func (a account) refuses(status, times int) {
	a.t.Helper()
	f := page(status)
	f.User, f.Times, f.Body = a.user, times, `{"error":"no_such_luck"}`
	require.NoError(a.t, a.Provider.Inject(f))
}

// refreshNowInPause asks for a refresh when the run pauses after a call. A signal before that
// would be one for the call itself.
func (r run) refreshNowInPause() {
	r.t.Helper()
	r.eventually("the call has ended", r.callsNothing)
	r.cli("workflow", "signal-with-start", "--signal-name", workflows.RefreshNow, "--type", workflows.Type, "--task-queue", r.TaskQueue())
}

func TestF33GrantThatIsProbablyDeadIsPresentedTwiceAndAsksForConsent(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	w := s.work()
	runs := map[int]run{}
	held := map[int]string{}
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusTeapot} {
		a := s.consent()
		held[status] = a.Held(a.name)
		a.refuses(status, authserver.EveryTime)
		runs[status] = a.refresh()
		if status == http.StatusNotFound { // which is waited for for half an hour
			runs[status].refreshNowInPause()
		}
	}
	for status, run := range runs {
		failure := run.failure()
		require.Equal(t, workflows.ReauthorizationRequired, failure.Type)
		require.Contains(t, failure.Message, fmt.Sprintf("the grant of fitbit/%s is probably dead: Fitbit answered %d %s", run.name, status, http.StatusText(status)))
		require.Contains(t, failure.Message, "consent again")
		require.Contains(t, failure.Message, "token_url of fitbit")
		require.NotContains(t, failure.Message, secretPrefix)
		require.Equal(t, 2, run.calls(), "requests with status %d", status)
		require.Equal(t, string(workflows.HealthNeedsConsent), run.health())
		run.untouched(held[status], 1)
		require.Equal(t, workflows.ReauthorizationRequired, run.loggedOnce(w, saysAlert)["reason"])
		run.holdsNoSecret()
	}
	// The token was good all the time, and the next run finds out.
	s.Provider.ClearFaults()
	for _, run := range runs {
		run.refresh().refreshed()
		run.nothingLost(1)
	}
}

func TestF33NextRunOfACronPresentsItTwiceAgain(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	w := s.work()
	a := s.consent()
	a.refuses(http.StatusForbidden, authserver.EveryTime)
	first := a.refresh(func(o *client.StartWorkflowOptions) { o.CronSchedule = "@every 1s" })
	first.failure()
	require.Equal(t, 2, first.begins("CallFitbit"))
	second := first.next()
	second.refreshNowInPause() // and not after a minute
	second.failure()
	require.Equal(t, 2, second.begins("CallFitbit"))
	first.drop()
	a.alertedOnce(w, workflows.ReauthorizationRequired)
}

func TestF33PassingRefusalOfAGatewayAsksForNoConsent(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	w := s.work()
	a := s.consent()
	a.refuses(http.StatusForbidden, 1)
	run := a.refresh()
	run.ends(workflows.Refreshed, grant.Rotated)
	require.Empty(t, a.logged(w, saysAlert))
	asked := run.scheduled("CallFitbit")
	require.GreaterOrEqual(t, a.Provider.Events(a.user)[0].Time.Sub(asked), time.Minute, "it was given a minute")
}

func TestF33RefreshNowCutsThePauseShort(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	s.work()
	a := s.consent()
	f := page(http.StatusForbidden)
	f.User = a.user
	require.NoError(t, s.Provider.Inject(f))
	run := a.refresh()
	run.refreshNowInPause()
	run.ends(workflows.Refreshed, grant.Rotated)
	require.False(t, run.pauses(), "the pause was served in full")
}

// A gateway refuses what the provider has committed, or the requests after one whose answer
// was lost. Until the window closes the pair can be had.
func TestF33RefusalInsideTheWindowGivesNothingUp(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: repeating})
	w := s.work()
	committed, since := page(http.StatusForbidden), page(http.StatusForbidden)
	committed.Commit, since.Times = true, 4
	runs := map[string]run{}
	for name, faults := range map[string][]authserver.Fault{
		"committed, and refused by a gateway":     {committed, since},
		"the answer was lost, and refused since":  {{Commit: true, Answer: authserver.Reset}, since},
		"committed and lost, and refused half on": {{Commit: true, Answer: authserver.Status, Status: http.StatusServiceUnavailable}, since},
	} {
		runs[name] = s.consentMeeting(faults...).refresh()
	}
	for name, run := range runs {
		run.refreshed(name)
		run.providerSaw(grant.Rotated, grant.Replayed)
		run.asked(6)
		require.Empty(t, run.logged(w, saysAlert), name)
		run.lostNothing()
	}
}

func TestF33RefusalThatOutlastsTheWindowOpensOneMoreAndNoThird(t *testing.T) {
	const window = 20 * time.Second
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: window}})
	s.work()
	s.inTime(func() bool {
		a := s.consent()
		a.refuses(http.StatusForbidden, authserver.EveryTime)
		run := a.refresh()
		s.eventually("the provider is asked", func() bool { return a.calls() > 0 })
		closes := time.Now().Add(window)
		s.eventually("the window has closed", func() bool { return time.Now().After(closes) })
		inside := a.calls()
		require.Equal(t, workflows.ReauthorizationRequired, run.failure().Type)
		require.Equal(t, 2, run.begins("CallFitbit"), "one more call, and no third")
		t.Logf("%d requests inside the window, %d after it", inside, a.calls()-inside)
		// Inside the window it is asked as after a lost answer; and the second call may have
		// been behind the refusal as well.
		return inside > 4 && a.calls()-inside > 4
	})
}
