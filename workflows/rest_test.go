package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// aliveEvery is a vault whose account's provider needs a refresh as often as this.
func (s *scenario) aliveEvery(period time.Duration) {
	s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
		l := loaded(a, 4)
		l.AlivePeriod = period
		return l, nil
	}
}

var alive = workflows.Input{Keep: workflows.KeepAlive}

// A cron every half hour, for two days.
func TestOfFortyEightRunsADayOneRefreshesAGrantThatIsOnlyKeptAlive(t *testing.T) {
	began := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	var last workflows.Result
	refreshed, events := 0, 0
	for n := range 2 * 48 {
		s := newScenario(t)
		s.SetStartTime(began.Add(time.Duration(n) * 30 * time.Minute))
		s.aliveEvery(24 * time.Hour)
		if n > 0 {
			s.after(last)
		}
		result, err := s.refreshWith(alive)
		require.NoError(t, err)
		if result.Outcome == workflows.Refreshed {
			refreshed++
		} else {
			require.Equal(t, workflows.Rested, result.Outcome)
			require.Empty(t, s.steps, "neither an activity nor a timer")
			require.Len(t, s.attributes, 1)
			require.Equal(t, []string{"healthy"}, s.health)
		}
		events += len(s.steps)
		last = result
	}
	require.Equal(t, 3, refreshed, "one each 21 hours: a daily cron's run that comes early must not rest")
	require.Equal(t, 3*3, events)
}

func TestARestKeepsWhatTheRunsAfterItGoBy(t *testing.T) {
	s := newScenario(t)
	last := green()
	last.RestsUntil, last.GrantEnds, last.NonRotating = s.Now().Add(time.Hour).UTC(), hardEnd, true
	s.after(last)
	result, err := s.refreshWith(alive)
	require.NoError(t, err)
	want := last
	want.Outcome, want.Summary = workflows.Rested, s.closing
	require.Equal(t, want, result)
	require.Equal(t, "Generation 4 of fitbit/default is only kept alive, and due again from "+last.RestsUntil.Format("2006-01-02 15:04 MST")+" on. Nothing was refreshed.", s.closing)
	require.Zero(t, s.unread)
}

func TestWhatIsDueDoesNotRest(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *scenario, last *workflows.Result, in *workflows.Input)
	}{
		{"its readers need it fresh", func(_ *scenario, _ *workflows.Result, in *workflows.Input) { in.Keep = workflows.KeepFresh }},
		{"nothing is said of its readers", func(_ *scenario, _ *workflows.Result, in *workflows.Input) { in.Keep = "" }},
		{"the time is over", func(s *scenario, last *workflows.Result, _ *workflows.Input) { last.RestsUntil = s.Now() }},
		{"no time is known", func(_ *scenario, last *workflows.Result, _ *workflows.Input) { last.RestsUntil = time.Time{} }},
		{"a time that no provider has", func(s *scenario, last *workflows.Result, _ *workflows.Input) {
			last.RestsUntil = s.Now().Add(25 * time.Hour)
		}},
		{"the last run failed", func(s *scenario, _ *workflows.Result, _ *workflows.Input) {
			s.SetLastError(forGood(activities.InvalidClient))
		}},
		{"a Schedule's run, which may be triggered by hand", func(s *scenario, _ *workflows.Result, _ *workflows.Input) { s.SetContinuedExecutionRunID("") }},
		{"an operator has reset it", func(s *scenario, _ *workflows.Result, _ *workflows.Input) { s.wasReset = true }},
		{"of another account", func(_ *scenario, last *workflows.Result, _ *workflows.Input) { last.Account = "bo" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.aliveEvery(24 * time.Hour)
			last, in := green(), alive
			last.RestsUntil = s.Now().Add(time.Hour)
			s.after(last)
			c.change(s, &last, &in)
			s.SetLastCompletionResult(last)
			result, err := s.refreshWith(in)
			require.NoError(t, err)
			require.Equal(t, workflows.Refreshed, result.Outcome)
		})
	}
}

func TestOnlyWhatARunWasIssuedItselfIsRestedOn(t *testing.T) {
	s := newScenario(t)
	s.load, s.recover = spentBefore, foundInHistory
	result, err := s.refreshWith(alive)
	require.NoError(t, err)
	require.Equal(t, workflows.Recovered, result.Outcome)
	require.Zero(t, result.RestsUntil)
}

func TestKeepIsOneOfTwoWords(t *testing.T) {
	s := newScenario(t)
	_, err := s.refreshWith(workflows.Input{Keep: "warm"})
	require.Contains(t, requireFailure(t, err, activities.InvalidInput), `keep is "warm"; give "fresh"`)
	require.Empty(t, s.calls["LoadSecrets"])
}
