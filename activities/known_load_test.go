package activities_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// revoking is a Fitbit that ends a grant whose spent token it sees again, and repeats
// nothing.
const revoking = "    reuse: revokes-grant\n" + noReplay

// noReplay has Fitbit repeat nothing.
const noReplay = "    replay_window: 0s\n    replay_ends_on_use: false\n"

func (s *system) loadKnowing(at attempt, known activities.Known) (activities.LoadResult, error) {
	return perform[activities.LoadResult](s, at, "LoadSecrets", activities.LoadInput{Account: account, Known: known})
}

// restored is a system whose vault shows the generation before the newest one, which
// was issued and stored: a backup has been put back. The vault's token has tags.
func restored(t *testing.T, entries string) (s *system, newest activities.RefreshResult) {
	t.Helper()
	s = newSystemWith(t, setup{entries: entries})
	_, err := s.store(s.issued())
	require.NoError(t, err)
	return s, s.issued()
}

func TestAVaultThatIsOlderThanTheLastResultIsBehind(t *testing.T) {
	s, newest := restored(t, "")
	held := s.mustLoad()
	for _, c := range []struct {
		name  string
		known activities.Known
		want  bool
	}{
		{"no last result", activities.Known{}, false},
		{"the vault's own", activities.Known{Generation: held.Provenance.Generation, Fingerprint: held.Provenance.Fingerprint}, false},
		{"a later one", activities.Known{Generation: newest.Provenance.Generation, Fingerprint: newest.Provenance.Fingerprint}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			loaded, err := s.loadKnowing(attempt{}, c.known)
			require.NoError(t, err)
			require.Equal(t, c.want, loaded.Behind)
		})
	}
}

func TestAConsentOutranksWhatTemporalKnows(t *testing.T) {
	s, newest := restored(t, "")
	consent, _ := s.provider.CreateGrant("USER-1")
	s.vault.Put("RefreshToken", consent)
	known := activities.Known{Generation: newest.Provenance.Generation + 40, Fingerprint: "f00d"}
	for range 2 { // the second load finds it with tags
		loaded, err := s.loadKnowing(attempt{}, known)
		require.NoError(t, err)
		require.False(t, loaded.Behind)
		require.Equal(t, known.Generation+1, loaded.Provenance.Generation)
		require.Equal(t, token.NewSecret(consent).Fingerprint(), loaded.Provenance.Fingerprint)
	}
}

func TestClosedRunsAreAskedWhereThereIsNoLastResult(t *testing.T) {
	result := func(account string, generation token.Generation) map[string]any {
		return map[string]any{"account": account, "provider": "fitbit", "generation": generation, "fingerprint": "f00d"}
	}
	for _, c := range []struct {
		name string
		runs func(newest activities.RefreshResult) []earlierRun
		want bool
	}{
		{"none", func(activities.RefreshResult) []earlierRun { return nil }, false},
		{"one that completed with the vault's token", func(activities.RefreshResult) []earlierRun {
			return []earlierRun{{id: "run-9", closed: true, completed: result("default", 1)}}
		}, false},
		{"one that completed with a later one", func(activities.RefreshResult) []earlierRun {
			return []earlierRun{{id: "run-9", closed: true, completed: result("default", 2)}}
		}, true},
		{"one that completed before the token was issued, for another vault", func(activities.RefreshResult) []earlierRun {
			return []earlierRun{{id: "run-9", closed: true, completed: result("default", 57), ago: time.Hour}}
		}, false},
		{"one that completed for another account", func(activities.RefreshResult) []earlierRun {
			return []earlierRun{{id: "run-9", closed: true, completed: result("will", 2)}}
		}, false},
		{"one that was terminated with a later pair", func(newest activities.RefreshResult) []earlierRun {
			return []earlierRun{{id: "run-9", closed: true, called: []activities.RefreshResult{newest}}}
		}, true},
		{"one that is running", func(newest activities.RefreshResult) []earlierRun {
			return []earlierRun{{id: "run-9", called: []activities.RefreshResult{newest}}}
		}, false},
		{"one that is too long ago", func(newest activities.RefreshResult) []earlierRun {
			runs := make([]earlierRun, 6)
			for i := range runs {
				runs[i] = earlierRun{id: string(rune('a' + i)), closed: true}
			}
			runs[5].called = []activities.RefreshResult{newest}
			return runs
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, newest := restored(t, "")
			s.temporal.runs = c.runs(newest)
			loaded, err := s.loadKnowing(attempt{run: "run-10"}, activities.Known{})
			require.NoError(t, err)
			require.Equal(t, c.want, loaded.Behind)
		})
	}
}

// A token that was put by hand into a new vault: when it was obtained is unknown, and
// since when the vault has had it stands for that.
func TestARunOfAnotherVaultDoesNotMakeANewOneOld(t *testing.T) {
	for name, c := range map[string]struct {
		ago  time.Duration
		want bool
	}{
		"it completed before":    {time.Hour, false},
		"it has completed since": {-time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystemWith(t, setup{entries: revoking})
			s.mustLoad() // gives it tags
			s.temporal.runs = []earlierRun{{id: "run-9", closed: true, ago: c.ago,
				completed: map[string]any{"account": "default", "provider": "fitbit", "generation": 57, "fingerprint": "f00d"}}}
			loaded, err := s.loadKnowing(attempt{run: "run-10"}, activities.Known{})
			require.NoError(t, err)
			require.Equal(t, c.want, loaded.Behind)
		})
	}
}

func TestACronsLoadAsksTemporalNothing(t *testing.T) {
	for name, entries := range map[string]string{"": "", "where a reuse ends the grant": revoking} {
		t.Run(name, func(t *testing.T) {
			s := newSystemWith(t, setup{entries: entries})
			stored := s.issued()
			_, err := s.store(stored)
			require.NoError(t, err)
			s.temporal.queries = nil
			_, err = s.loadKnowing(attempt{run: "run-2"}, activities.Known{Generation: stored.Provenance.Generation, Fingerprint: stored.Provenance.Fingerprint})
			require.NoError(t, err)
			require.Empty(t, s.temporal.queries)
		})
	}
}

func TestALoadWaitsForTemporalOnlyWhereAReuseEndsTheGrant(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries string
		asked   time.Duration
		goesOn  bool
	}{
		{"what a reuse does is unknown", "", 0, true},
		{"a reuse ends the grant", revoking, 0, false},
		{"a reuse ends the grant, after ten minutes", revoking, 11 * time.Minute, true},
		{"a reuse ends the grant, and a replay window is open", "    reuse: revokes-grant\n    replay_window: 2m\n", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := restored(t, c.entries) // run-1 is on the intent record, a moment old
			s.temporal.listErr = errors.New("unavailable")
			loaded, err := s.loadKnowing(attempt{run: "run-2", asked: c.asked}, activities.Known{})
			if !c.goesOn {
				requireFailure(t, err, "HistoryNotReady", false)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{"run-1"}, runsOf(loaded), "it stays a suspect")
			require.Contains(t, s.said.String(), "Temporal does not say what earlier runs did")
		})
	}
}

func TestOnlyRunsThatMayHaveSpentTheTokenAreNamed(t *testing.T) {
	s := newSystem(t)
	own := s.mustLoad().Provenance.Fingerprint
	for _, run := range []string{"run-2", "run-3", "run-4", "run-5"} {
		_, err := s.load(attempt{run: run})
		require.NoError(t, err)
	}
	s.temporal.runs = []earlierRun{
		{id: "run-5"}, // is running
		{id: "run-4", closed: true, tried: []pastCall{{of: "f00d"}}},
		{id: "run-3", closed: true, tried: []pastCall{{of: own, attempt: 1, failure: activities.InvalidClient, after: time.Second}}},
		{id: "run-2", closed: true, tried: []pastCall{{of: own}}},
	}
	loaded, err := s.load(attempt{run: "run-6"})
	require.NoError(t, err)
	require.Equal(t, []string{"run-1", "run-2", "run-2", "run-5"}, runsOf(loaded), "the oldest first, also one that Temporal no longer has")
	again, err := s.load(attempt{run: "run-7"})
	require.NoError(t, err)
	require.Equal(t, []string{"run-1", "run-2", "run-2", "run-5", "run-6"}, runsOf(again), "the record names no others any more, and each once")
}

// A call has outlasted the replay window, and its last request may have committed.
func TestALoadNamesTheLastRequestOfARunAsWell(t *testing.T) {
	began := time.Now()
	s := newSystem(t)
	first := s.mustLoad()
	s.temporal.runs = []earlierRun{{id: "run-1", closed: true, tried: []pastCall{{of: first.Provenance.Fingerprint}}}}
	for run, before := range map[string]int{"run-2": 1, "run-3": 2} { // the second one finds the first one's record
		loaded, err := s.load(attempt{run: run})
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(loaded.MayHaveSpent), before)
		own := slices.DeleteFunc(loaded.MayHaveSpent, func(i vault.Intent) bool { return i.RunID != "run-1" })
		require.Len(t, own, 2)
		require.True(t, own[0].At.Before(own[1].At))
		require.WithinRange(t, own[1].At, began.Add(-time.Second), time.Now())
	}
	s.temporal.runs[0].tried[0] = pastCall{of: first.Provenance.Fingerprint, attempt: 9, failure: activities.InvalidGrant, after: 10 * time.Minute}
	loaded, err := s.load(attempt{run: "run-4"})
	require.NoError(t, err)
	own := slices.DeleteFunc(loaded.MayHaveSpent, func(i vault.Intent) bool { return i.RunID != "run-1" })
	require.Len(t, own, 2)
	require.InDelta(t, (10 * time.Minute).Seconds(), own[1].At.Sub(own[0].At).Seconds(), 1+time.Since(began).Seconds(), "it has loaded the grant again since, and the record names that load")
}

func TestARunThatIsOnTheRecordTwiceIsReadOnce(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	lost.MayHaveSpent = []vault.Intent{{RunID: "gone"}, {RunID: "gone", At: time.Now()}, {RunID: "over"}, {RunID: "over", At: time.Now()}}
	s.temporal.runs = []earlierRun{{id: "over", closed: true, tried: []pastCall{{of: lost.Provenance.Fingerprint}}}}
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, []activities.Caller{{RunID: "over", State: activities.Closed}}, recovery.Callers)
	require.Equal(t, []string{"gone"}, recovery.Gone)
	require.Equal(t, []string{"over"}, s.temporal.read)
}

func TestARecoverySaysWhatTheRunsOnTheRecordAreAt(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	own := lost.Provenance.Fingerprint
	lost.MayHaveSpent = []vault.Intent{{RunID: "over"}, {RunID: "gone"}, {RunID: "calls"}, {RunID: "loads"}}
	s.temporal.runs = []earlierRun{
		{id: "loads", tried: []pastCall{{of: own, attempt: 1, failure: activities.GrantOutdated, after: time.Second}}},
		{id: "calls", tried: []pastCall{{of: own}}},
		{id: "over", closed: true, tried: []pastCall{{of: own}}},
	}
	began := time.Now()
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Equal(t, []activities.Caller{{RunID: "over", State: activities.Closed}, {RunID: "calls", State: activities.Calling}, {RunID: "loads", State: activities.Called}}, recovery.Callers)
	require.Equal(t, []string{"gone"}, recovery.Gone)
	require.WithinRange(t, recovery.MayEnd, began.Add(activities.MaxInFlight), time.Now().Add(activities.MaxInFlight))
}

func TestAClosedRunThatMadeNoCallHasNoneInFlight(t *testing.T) {
	s := newSystem(t)
	lost := activities.RecoverInput{LoadResult: s.mustLoad()}
	lost.MayHaveSpent = []vault.Intent{{RunID: "over"}}
	s.temporal.runs = []earlierRun{{id: "over", closed: true, quiet: true}}
	recovery, err := s.recover(lost)
	require.NoError(t, err)
	require.Zero(t, recovery.MayEnd)
}

func TestAnAlertNamesTheCause(t *testing.T) {
	s := newSystem(t)
	s.temporal.pending = []*workflowpb.PendingActivityInfo{{ActivityId: "11", ActivityType: &commonpb.ActivityType{Name: "CallFitbit"}, Paused: true}}
	result, err := perform[activities.AlertResult](s, attempt{}, "Alert", activities.AlertInput{Account: account, Reason: "CallStuck", Message: "Fitbit gives no usable answer."})
	require.NoError(t, err)
	require.Equal(t, "Fitbit gives no usable answer. CallFitbit is paused; let it go on: temporal activity unpause --workflow-id fitbit-token-refresh --activity-id 11.", result.Message)
	require.Contains(t, s.said.String(), "CallFitbit is paused")

	s.temporal.listErr = errors.New("unavailable")
	result, err = perform[activities.AlertResult](s, attempt{}, "Alert", activities.AlertInput{Account: account, Reason: "CallStuck", Message: "Fitbit gives no usable answer."})
	require.NoError(t, err)
	require.Equal(t, "Fitbit gives no usable answer.", result.Message)
}

func TestAHealedAlertAsksForNoCause(t *testing.T) {
	s := newSystem(t)
	s.temporal.pending = []*workflowpb.PendingActivityInfo{{ActivityType: &commonpb.ActivityType{Name: "CallFitbit"}, Paused: true}}
	result, err := perform[activities.AlertResult](s, attempt{}, "Alert", activities.AlertInput{Account: account, Reason: "CallStuck", Message: "Refreshed.", Healed: true})
	require.NoError(t, err)
	require.Equal(t, "Refreshed.", result.Message)
}

func TestACallThatGoesWellSendsNoHeartbeat(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	began := time.Now()
	require.ErrorIs(t, s.call(attempt{}, loaded), activity.ErrResultPending)
	heard := s.heard.list()
	require.LessOrEqual(t, len(heard), int(time.Since(began)/time.Second), "the first one comes after a second")
	for _, word := range heard {
		require.NotContains(t, word, "attempt")
	}
}
