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

// refreshNow asks for a refresh without waiting.
func (a account) refreshNow() {
	a.t.Helper()
	a.cli("workflow", "signal-with-start", "--signal-name", workflows.RefreshNow, "--type", workflows.Type, "--task-queue", a.TaskQueue())
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
			s.eventually("the provider has refused", func() bool { return a.calls() == 1 })
			a.refreshNow()
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
	require.Equal(t, 2, a.calls())
	second := first.next()
	s.eventually("the next run asks", func() bool { return a.calls() == 3 })
	a.refreshNow() // and not after a minute
	second.failure()
	require.Equal(t, 4, a.calls())
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
	s.eventually("the provider has refused", func() bool { return a.calls() == 1 })
	a.refreshNow()
	run.ends(workflows.Refreshed, grant.Rotated)
	require.Less(t, a.Provider.Events(a.user)[0].Time.Sub(run.scheduled("CallFitbit")), 50*time.Second)
}

// A gateway refuses what the provider has committed, or the requests after one whose answer
// was lost. Until the window closes the pair can be had.
func TestF33RefusalInsideTheWindowGivesNothingUp(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: shortWindow}})
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
		require.Equal(t, []grant.Outcome{grant.Rotated, grant.Replayed}, run.outcomes(), name)
		require.Equal(t, 6, run.calls(), name)
		require.Empty(t, run.logged(w, saysAlert), name)
		run.nothingLost(1)
	}
}

func TestF33RefusalThatOutlastsTheWindowOpensOneMoreAndNoThird(t *testing.T) {
	const window = 20 * time.Second
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: window}})
	s.work()
	a := s.consent()
	a.refuses(http.StatusForbidden, authserver.EveryTime)
	run := a.refresh()
	s.eventually("the provider is asked", func() bool { return a.calls() == 1 })
	closes := time.Now().Add(window)
	s.eventually("the window has closed", func() bool { return time.Now().After(closes) })
	inside := a.calls()
	require.Greater(t, inside, 4, "inside the window it is asked as after a lost answer")
	require.Equal(t, workflows.ReauthorizationRequired, run.failure().Type)
	require.Greater(t, a.calls()-inside, 4, "the second call may have been behind the refusal as well")
	require.Less(t, time.Since(closes), window+90*time.Second, "and is the last one")
}
