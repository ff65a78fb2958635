package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

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
	var longest time.Duration
	for range 30 {
		_, err := perform[activities.StoreResult](s, attempt{number: 2}, "StoreSecrets", issued)
		requireFailure(t, err, "VaultNotReady", false)
		longest = max(longest, delayOf(t, err))
	}
	require.Greater(t, longest, 20*time.Second, "two versions a second, and thirty stores")
}

// What held it up, such as a keyset that was away, held up others as well.
func TestACallThatWasHeldUpSinceItsLoadTakesATurnOfItsOwn(t *testing.T) {
	s := newSystem(t)
	unsent := func() map[string]any { return map[string]any{"attempt": 1, "unsent": true} }
	held := attempt{number: 2, asked: 20 * time.Second, told: unsent()}
	require.ErrorIs(t, s.call(held, s.loadedFor("free")), activity.ErrResultPending, "there is room at the vault")

	s.Pace = pace.New(2)
	for range 30 {
		s.Pace.Turn(2, 0)
	}
	waiting := s.loadedFor("waiting")
	before := s.requests()
	err := s.call(held, waiting)
	require.Contains(t, requireFailure(t, err, "AwaitsTurn", false), "nothing was sent")
	require.Greater(t, delayOf(t, err), 20*time.Second, "two versions a second, and thirty calls")
	require.Equal(t, before, s.requests())
	words := s.heard.list()
	require.Equal(t, true, words[len(words)-1]["unsent"])

	inTurn := unsent()
	inTurn["turn"] = time.Now()
	require.ErrorIs(t, s.call(attempt{number: 2, asked: time.Minute, told: inTurn}, waiting), activity.ErrResultPending)
	require.ErrorIs(t, s.call(attempt{}, s.loadedFor("now")), activity.ErrResultPending, "its load has had the turn")
	require.ErrorIs(t, s.call(attempt{number: 2, told: told(1, time.Minute)}, s.loadedFor("urgent")), activity.ErrResultPending, "its answer may still be had")
}

// A busy server or provider has held up many stores, which come together.
func TestAStoreBeyondTheWorkersShareTakesATurn(t *testing.T) {
	s := newSystem(t)
	s.Pace = pace.New(26)
	for s.Pace.Store(2) == 0 {
	}
	issued := s.issued()
	before := len(s.vault.All("RefreshToken"))
	_, err := s.store(issued)
	require.Contains(t, requireFailure(t, err, "AwaitsTurn", false), "its pair is in the history")
	require.Greater(t, delayOf(t, err), 9*time.Second, "until those before it count no more")
	require.Len(t, s.vault.All("RefreshToken"), before)

	_, err = perform[activities.StoreResult](s, attempt{number: 2}, "StoreSecrets", issued)
	require.NoError(t, err, "this is its turn")
	s.requireHeldIsLive()
}

// More accounts are due at once than the vault answers.
func TestAPeekBeyondTheWorkersShareTakesATurn(t *testing.T) {
	s := newSystem(t)
	s.Pace = pace.New(26)
	for s.Pace.Peek() == 0 {
	}
	peek := activities.LoadInput{Account: account, Peek: true}
	_, err := perform[activities.LoadResult](s, attempt{}, "LoadSecrets", peek)
	require.Contains(t, requireFailure(t, err, "AwaitsTurn", false), "nothing is spent")
	pause := delayOf(t, err)
	require.Greater(t, pause, 9*time.Second, "until those before it count no more")
	words := s.heard.list()
	turn, err := time.Parse(time.RFC3339Nano, words[len(words)-1]["turn"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(pause), turn, 2*time.Second)

	inTurn := map[string]any{"turn": time.Now()}
	loaded := s.peek(attempt{number: 2, told: inTurn}, activities.Known{})
	require.True(t, loaded.Waits)
	early := map[string]any{"turn": time.Now().Add(time.Minute)}
	_, err = perform[activities.LoadResult](s, attempt{number: 2, told: early}, "LoadSecrets", peek)
	requireFailure(t, err, "AwaitsTurn", false)
	peek.Cancelled = true
	_, err = perform[activities.LoadResult](s, attempt{}, "LoadSecrets", peek)
	require.NoError(t, err, "its run ends soon")
	_, err = s.load(attempt{})
	require.NoError(t, err, "only peeks come in such numbers")
}
