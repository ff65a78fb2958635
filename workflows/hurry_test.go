package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// askAfter sends refresh-now to a run that is at work for a while.
func (s *scenario) askAfter(times ...time.Duration) {
	for _, d := range times {
		s.RegisterDelayedCallback(func() { s.SignalWorkflow(workflows.RefreshNow, nil) }, d)
	}
}

// waitingProvider asks for a wait of a day at its first call, and serves the next one.
func (s *scenario) waitingProvider() (began *time.Time) {
	began = new(time.Time)
	s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
		if n == 1 {
			*began = s.Now()
			return activities.RefreshResult{}, forNowAfter(24 * time.Hour)
		}
		return issuedFor(in), nil
	}
	return began
}

func TestRefreshNowCutsALongWaitForTheProviderShort(t *testing.T) {
	const waitsInSearch = "RecoverGrant"
	for _, c := range []struct {
		name   string
		change func(*activities.LoadResult)
		asked  time.Duration
		want   []string
		took   time.Duration
	}{
		{"after ten minutes, and the last request may be seconds old", func(*activities.LoadResult) {}, 10 * time.Minute,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", "CallFitbit", "StoreSecrets"}, 10 * time.Minute},
		{"the same where it is unknown what a late repeat does", func(l *activities.LoadResult) { l.Reuse = "" }, 10 * time.Minute,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", waitsInSearch, "CallFitbit", "StoreSecrets"}, 10 * time.Minute},
		{"after ten minutes, and a late repeat ends the grant", func(l *activities.LoadResult) { l.Reuse = provider.RevokesGrant }, 10 * time.Minute,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", waitsInSearch, waitsInSearch, "CallFitbit", "StoreSecrets"}, 10*time.Minute + 30*time.Second},
		{"inside the window", func(*activities.LoadResult) {}, 40 * time.Second,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", "CallFitbit", "StoreSecrets"}, 40 * time.Second},
		{"inside the window, and a late repeat ends the grant", func(l *activities.LoadResult) { l.Reuse = provider.RevokesGrant }, 40 * time.Second,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", waitsInSearch, "CallFitbit", "StoreSecrets"}, 40 * time.Second},
		{"at once, so the attempt gets its time", func(*activities.LoadResult) {}, time.Second,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", "CallFitbit", "StoreSecrets"}, 30 * time.Second},
		{"nothing is ever repeated", func(l *activities.LoadResult) { l.ReplayWindow = 0 }, 40 * time.Second,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", waitsInSearch, waitsInSearch, "CallFitbit", "StoreSecrets"}, 70 * time.Second},
		{"nothing is ever spent", func(l *activities.LoadResult) { l.ReplayWindow, l.NonRotating = 0, true }, 40 * time.Second,
			[]string{"LoadSecrets", "CallFitbit", "LoadSecrets", "CallFitbit", "StoreSecrets"}, 40 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
				l := loaded(a, 4)
				c.change(&l)
				return l, nil
			}
			began := s.waitingProvider()
			s.askAfter(c.asked, c.asked+time.Millisecond)
			result, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, workflows.Refreshed, result.Outcome)
			var order []string
			for _, name := range s.order() {
				if name != "Alert" {
					order = append(order, name)
				}
			}
			require.Equal(t, c.want, order)
			require.WithinDuration(t, began.Add(c.took), s.Now(), 2*time.Second)
			require.Zero(t, s.unread)
		})
	}
}

// An attempt at work pays no heed to a cancellation, and its pair is the run's.
func TestAnAttemptThatIsAtWorkWhenARefreshIsAskedForIsTheRefresh(t *testing.T) {
	s := newScenario(t)
	s.instead = func(ctx workflow.Context, name string) workflow.Future {
		if name != "CallFitbit" {
			return nil
		}
		future, settle := workflow.NewFuture(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			ctx.Done().Receive(ctx, nil)
			settle.SetValue(issuedFor(loaded(token.Account{Provider: "fitbit", Name: "default"}, 4)))
		})
		return future
	}
	s.askAfter(time.Minute)
	result, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, token.Generation(5), result.Generation)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
}

func TestASignalThatStartsARunCutsNothingShort(t *testing.T) {
	s := newScenario(t)
	began := s.Now()
	s.askAfter(0)
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		if s.Now().Sub(began) < 5*time.Minute {
			return activities.RefreshResult{}, forNow("ProviderNotReady")
		}
		return issuedFor(in), nil
	}
	_, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
}

// An operator may ask as often as it takes.
func TestEachSignalStartsOverAndNoneCountsAsAReload(t *testing.T) {
	s := newScenario(t)
	began := s.Now()
	s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
		l := loaded(a, 4)
		l.NonRotating = true
		return l, nil
	}
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		if s.Now().Sub(began) < 8*time.Minute {
			return activities.RefreshResult{}, forNowAfter(24 * time.Hour)
		}
		return issuedFor(in), nil
	}
	for minute := range 9 {
		s.askAfter(time.Duration(minute+1)*time.Minute - time.Second)
	}
	_, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, 10, s.calls["CallFitbit"])
}

func TestARunThatIsCancelledAfterASignalEndsCanceled(t *testing.T) {
	s := newScenario(t)
	s.call = func(int, activities.LoadResult) (activities.RefreshResult, error) {
		return activities.RefreshResult{}, forNowAfter(24 * time.Hour)
	}
	s.askAfter(time.Hour)
	s.RegisterDelayedCallback(s.CancelWorkflow, 2*time.Hour)
	_, err := s.refresh()
	requireCanceled(t, err)
	require.Equal(t, 2, s.calls["CallFitbit"])
	require.Equal(t, mayBeSpent, s.closing)
}
