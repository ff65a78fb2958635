package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/pace"
	"tokenkeeper/internal/vault"
)

func (s *system) peek(at attempt, known activities.Known) activities.LoadResult {
	s.t.Helper()
	loaded, err := perform[activities.LoadResult](s, at, "LoadSecrets", activities.LoadInput{Account: account, Known: known, Peek: true})
	require.NoError(s.t, err)
	return loaded
}

func TestAPeekThatFindsNothingUrgentLeavesNothingBehind(t *testing.T) {
	s := newSystem(t)
	before := s.vault.All("RefreshToken")
	loaded := s.peek(attempt{}, activities.Known{})
	require.True(t, loaded.Waits)
	require.Empty(t, loaded.Grant)
	require.Equal(t, "CallFitbit", loaded.CallActivity)
	require.Equal(t, account, loaded.Account)
	require.Equal(t, before, s.vault.All("RefreshToken"))
}

func TestAPeekThatFindsAWindowOpenIsTheWholeLoad(t *testing.T) {
	s := newSystem(t)
	_, err := s.load(attempt{run: "run-1"}) // whose history does not say that it has spent nothing
	require.NoError(t, err)
	loaded := s.peek(attempt{run: "run-2"}, activities.Known{})
	require.False(t, loaded.Waits)
	require.NotEmpty(t, loaded.Grant)
	require.Equal(t, []string{"run-1"}, runsOf(loaded))
	next := s.peek(attempt{run: "run-3"}, activities.Known{})
	require.Equal(t, []string{"run-1", "run-2"}, runsOf(next), "it has left its intent")
}

func TestAPeekAtAVaultThatIsBehindIsTheWholeLoad(t *testing.T) {
	s, newest := restored(t, "")
	loaded := s.peek(attempt{}, activities.Known{Generation: newest.Provenance.Generation, Fingerprint: newest.Provenance.Fingerprint})
	require.True(t, loaded.Behind)
	require.False(t, loaded.Waits)
}

// The vault has asked for an hour's pause.
func TestOnlyALoadThatMayWaitWaitsForTheVaultsPace(t *testing.T) {
	s := newSystem(t)
	s.Pace = pace.New(26)
	s.Pace.Throttled(time.Hour)
	paced := activities.PacedQueue("token-refresh", false)
	_, err := s.load(attempt{queue: "token-refresh"})
	require.NoError(t, err)
	s.peek(attempt{queue: paced}, activities.Known{})
	for _, queue := range []string{paced, activities.PacedQueue("token-refresh", true)} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err = s.load(attempt{queue: queue, ctx: ctx})
		cancel()
		require.ErrorContains(t, err, "context deadline exceeded")
	}
}

// Their pairs are in their histories.
func TestStoresThatTheVaultRefusesComeBackApartFromEachOther(t *testing.T) {
	s := newSystem(t)
	s.Pace = pace.New(2)
	issued := s.issued()
	s.refuse("set", "RefreshToken", vault.ErrUnavailable)
	errs := make(chan error, 40)
	began := time.Now()
	for range cap(errs) {
		go func() {
			_, err := s.store(issued)
			errs <- err
		}()
	}
	var longest time.Duration
	refused := 0
	for range cap(errs) {
		err := <-errs
		if failure, _ := errors.AsType[*temporal.ApplicationError](err); failure.Type() == "VaultNotReady" {
			refused++
		} else {
			requireFailure(t, err, "AwaitsTurn", false)
		}
		longest = max(longest, delayOf(t, err))
	}
	require.Greater(t, longest, 20*time.Second, "two versions a second, and forty stores")
	require.LessOrEqual(t, refused, 11+int(time.Since(began)/time.Second), "of ten seconds, and what the test took")
}

// What held it up, such as a keyset that was away, held up others as well.
func TestACallThatWasHeldUpSinceItsLoadTakesATurnOfItsOwn(t *testing.T) {
	s := newSystem(t)
	held := attempt{number: 2, asked: 20 * time.Second, told: unsent(1, time.Now())}
	require.ErrorIs(t, s.call(held, s.loadedFor("free")), activity.ErrResultPending, "there is room at the vault")

	s.Pace = pace.New(2)
	for range 45 {
		s.Pace.Turn(2, 0)
	}
	waiting := s.loadedFor("waiting")
	before := s.requests()
	held.told = unsent(1, time.Now()) // it is on time
	err := s.call(held, waiting)
	require.Contains(t, requireFailure(t, err, "AwaitsTurn", false), "nothing was sent")
	require.Greater(t, delayOf(t, err), 20*time.Second, "two versions a second, and forty-five calls")
	require.Equal(t, before, s.requests())
	words := s.heard.list()
	require.Equal(t, true, words[len(words)-1]["unsent"])

	inTurn := unsent(1, time.Now())
	inTurn["turn"] = time.Now()
	require.ErrorIs(t, s.call(attempt{number: 2, asked: time.Minute, told: inTurn}, waiting), activity.ErrResultPending)
	require.ErrorIs(t, s.call(attempt{}, s.loadedFor("now")), activity.ErrResultPending, "its load has had the turn")
	require.ErrorIs(t, s.call(attempt{asked: 15 * time.Second}, s.loadedFor("busy")), activity.ErrResultPending, "its load has had the turn, and a busy server handed it out late")
	for range 1000 {
		s.Pace.Turn(2, 0)
	}
	err = s.call(held, s.loadedFor("last"))
	require.Contains(t, requireFailure(t, err, "AwaitsTurn", false), "asks again for a turn")
	require.LessOrEqual(t, delayOf(t, err), 10*time.Minute)
	require.ErrorIs(t, s.call(attempt{number: 2, told: told(1, time.Minute)}, s.loadedFor("urgent")), activity.ErrResultPending, "its answer may still be had")
}

// A busy server or provider has held up many stores, which come together.
func TestAStoreBeyondTheWorkersShareTakesATurn(t *testing.T) {
	s := newSystem(t)
	s.Pace = pace.New(26)
	s.Pace.Throttled(time.Minute)
	issued := s.issued()
	before := len(s.vault.All("RefreshToken"))
	for number := range int32(3) {
		_, err := perform[activities.StoreResult](s, attempt{number: number + 1}, "StoreSecrets", issued)
		require.Contains(t, requireFailure(t, err, "AwaitsTurn", false), "its pair is in the history")
		require.Greater(t, delayOf(t, err), 30*time.Second)
	}
	require.Len(t, s.vault.All("RefreshToken"), before)

	s.Pace = pace.New(26)
	_, err := perform[activities.StoreResult](s, attempt{number: 2}, "StoreSecrets", issued)
	require.NoError(t, err)
	s.requireHeldIsLive()
}

// More accounts are due at once than the vault answers.
func TestAPeekBeyondTheWorkersShareTakesATurn(t *testing.T) {
	s := newSystem(t)
	s.Pace = pace.New(26)
	usedUp := func(seconds int) {
		for range 39 * seconds {
			s.Pace.Peek(false, time.Hour)
		}
	}
	look := func(at attempt, cancelled bool) (activities.LoadResult, error) {
		return perform[activities.LoadResult](s, at, "LoadSecrets", activities.LoadInput{Account: account, Peek: true, Cancelled: cancelled})
	}
	loaded, err := look(attempt{}, false)
	require.NoError(t, err)
	require.True(t, loaded.Waits)
	began := time.Now()
	usedUp(20)
	_, err = look(attempt{}, false)
	require.Contains(t, requireFailure(t, err, "AwaitsTurn", false), "nothing is spent")
	require.Greater(t, delayOf(t, err), 9*time.Second-time.Since(began), "until those before it count no more")
	require.Less(t, delayOf(t, err), 25*time.Second)
	began = time.Now()
	usedUp(60)
	_, err = look(attempt{asked: 80 * time.Second}, false)
	requireFailure(t, err, "AwaitsTurn", false)
	require.GreaterOrEqual(t, delayOf(t, err), 9*time.Second-time.Since(began), "none is free in half of what is left of the replay window, and it asks again")
	require.LessOrEqual(t, delayOf(t, err), 20*time.Second, "within that half")
	for range 3 { // a test that is starved for four seconds misses it
		if _, err = look(attempt{asked: 116 * time.Second}, false); err == nil {
			break
		}
	}
	require.NoError(t, err, "the last moment of the window")

	_, err = look(attempt{}, true)
	require.NoError(t, err, "its run has been cancelled, and ends soon")
	_, err = s.load(attempt{})
	require.NoError(t, err, "only peeks come in such numbers")
}

// Their pair may be nowhere else, so that they wait for nothing, and others wait for them.
func TestEscrowsAndRecoveriesCountAsStores(t *testing.T) {
	for name, store := range map[string]func(*system){
		"escrow": func(s *system) {
			loaded := s.mustLoad()
			s.temporal.answer = always(gone)
			requireFailure(t, s.call(attempt{}, loaded), "NoWordFromTemporal", false)
		},
		"recovery": func(s *system) {
			lost := activities.RecoverInput{LoadResult: s.mustLoad()}
			s.temporal.runs = []earlierRun{{id: "run-2", called: []activities.RefreshResult{s.issued()}}}
			recovery, err := s.recover(lost)
			require.NoError(t, err)
			require.Equal(t, activities.FoundInHistory, recovery.Found)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			// Seven versions in ten seconds each, so that one store's two take three seconds.
			idle := pace.New(0.7)
			s.Pace = pace.New(0.7)
			store(s)
			s.requireHeldIsLive()
			require.Greater(t, s.Pace.Store(2), idle.Store(2)+time.Second)
		})
	}
}
