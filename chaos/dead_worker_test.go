package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

const (
	// window is a replay window as providers have it. A row that is about it has no
	// more time than that, on a busy machine either.
	window = 2 * time.Minute

	// soon is the longest that the attempt of a dead worker may keep others waiting: far
	// more than heartbeats take, and less than any attempt may last.
	soon = 20 * time.Second
)

// repeating is a provider whose window is as long as Fitbit's.
var repeating = authserver.Options{ReplayWindow: window}

func TestF21ReplayBringsThePairAlsoWhereTheNextRunMeetsAFault(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		lists  time.Duration // that the vault takes for the search
		strike func(*testing.T, *system, *testenv.Worker)
		own    bool // a Temporal server that the row may harm
	}{
		"its worker killed in the search": {lists: forGood, strike: func(_ *testing.T, s *system, w *testenv.Worker) {
			w.Kill()
			s.work()
		}},
		"Temporal silent for 16 s in the search": {lists: 2 * time.Second, own: true, strike: func(t *testing.T, s *system, _ *testenv.Worker) {
			require.NoError(t, s.Temporal.Freeze())
			time.Sleep(away)
			require.NoError(t, s.Temporal.Thaw())
		}},
		"Temporal killed in the search and back after 16 s": {lists: 2 * time.Second, own: true, strike: func(t *testing.T, s *system, _ *testenv.Worker) {
			s.Temporal.Kill()
			time.Sleep(away)
			require.NoError(t, s.Temporal.Restart(t.Context()))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := testenv.Options{Provider: repeating}
			if fault.own {
				o.Temporal = testenv.OwnTemporal(t)
			}
			s := newSystem(t, o)
			a := s.consent()
			doomed := s.work()
			a.refresh().result() // after which a load lists no versions, so that a search alone does
			first := a.refreshHeld()
			doomed.Kill() // and the answer is lost
			first.terminate()
			searches := a.slowSearch(fault.lists)
			next := a.refresh()
			w := s.work()
			s.eventually("the next run searches or asks", func() bool { return searches() || a.calls() > 2 })
			fault.strike(t, s, w)

			next.refreshed()
			a.replayed(1)
			a.nothingLost(2)
		})
	}
}

// away is as long as the worker's last report of a result goes unheard, and longer.
const away = 16 * time.Second

// Where nothing is repeated the pair is in the terminated run's history.
func TestF21SearchOfADeadWorkerIsTakenOverWithinSeconds(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	doomed := s.work()
	a.refresh().result()
	a.refreshUnstored().terminate()
	s.Vault.ClearFaults()
	searches := a.slowSearch(forGood)
	next := a.refresh()
	s.eventually("the next run searches", searches)
	doomed.Kill()
	s.work()

	next.takenOver("RecoverGrant")
	require.Equal(t, workflows.Recovered, next.result().Outcome)
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated}, a.outcomes())
	a.nothingLost(2)
}

func TestF21LoadAndStoreOfADeadWorkerAreTakenOverWithinSeconds(t *testing.T) {
	t.Parallel()
	for activity, slow := range map[string]struct {
		secret    string
		operation keyvault.Operation
	}{
		"LoadSecrets":  {"RefreshToken", keyvault.OpUpdate},
		"StoreSecrets": {"AccessToken", keyvault.OpSet},
	} {
		t.Run(activity, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: unforgiving})
			a := s.consent()
			doomed := s.workProven()
			name := a.secret(slow.secret)
			s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: slow.operation, Name: name, Times: 1, DelayBefore: forGood})
			run := a.refresh()
			s.eventually("the vault is slow", func() bool { return s.vaultCalls(name, slow.operation) > 0 })
			doomed.Kill()
			s.work()

			run.ends(workflows.Refreshed, grant.Rotated)
			run.takenOver(activity)
		})
	}
}

// slowSearch has the vault take long for the next list of the refresh token's versions,
// and reports whether it has been asked for one.
func (a account) slowSearch(takes time.Duration) (asked func() bool) {
	secret := a.secret("RefreshToken")
	before := a.vaultCalls(secret, keyvault.OpListVersions)
	a.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpListVersions, Name: secret, Times: 1, DelayBefore: takes})
	return func() bool { return a.vaultCalls(secret, keyvault.OpListVersions) > before }
}

// takenOver asserts that another attempt of an activity was due soon after its worker had
// died: because that was silent.
func (r run) takenOver(activity string) {
	r.t.Helper()
	r.completed(activity)
	scheduled := map[int64]bool{}
	for _, e := range r.history() {
		if s := e.GetActivityTaskScheduledEventAttributes(); s.GetActivityType().GetName() == activity {
			scheduled[e.GetEventId()] = true
			require.LessOrEqual(r.t, s.GetHeartbeatTimeout().AsDuration()+s.GetRetryPolicy().GetInitialInterval().AsDuration(), soon, "the wait for %s", activity)
		}
		a := e.GetActivityTaskStartedEventAttributes()
		if a == nil || !scheduled[a.GetScheduledEventId()] || a.GetAttempt() == 1 { // the peek before a load
			continue
		}
		require.Equal(r.t, enumspb.TIMEOUT_TYPE_HEARTBEAT, a.GetLastFailure().GetTimeoutFailureInfo().GetTimeoutType(), "what ended the attempt of %s", activity)
		return
	}
	r.t.Fatalf("%s was not taken over", activity)
}

// replayed asserts that the refresh token of a generation was presented more than once,
// spent once, and answered with the same pair each time after that. Those of the
// generations before were spent once.
func (a account) replayed(generation int) {
	a.t.Helper()
	outcomes := a.outcomes()
	require.Greater(a.t, len(outcomes), generation+1, "outcomes: %v", outcomes)
	for i, o := range outcomes {
		want := grant.Replayed
		if i <= generation {
			want = grant.Rotated
		}
		require.Equal(a.t, want, o, "token %d of %v", i, outcomes)
	}
}

// lostAnswer has a run spend the refresh token, loses the answer and terminates the run
// before it asks again: inside the window the pair is to be had, and nothing else holds it.
func (a account) lostAnswer(changes ...func(*client.StartWorkflowOptions)) {
	a.t.Helper()
	require.NoError(a.t, a.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: a.user, Commit: true, Hold: true, Answer: authserver.Reset}))
	r := a.refresh(changes...)
	a.held()
	r.terminate()
	a.release()
}
