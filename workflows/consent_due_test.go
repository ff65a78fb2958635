package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestAConsentThatEndsSoonIsAlertedOnceForEachThreshold(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		name    string
		told    int           // by the last run
		lastEnd time.Duration // from now; 0: unknown
		end     time.Duration
		due     int // the urgency alerted: 1, 2, 3; 0 none
		healed  bool
		carries int
	}{
		{"far away", 0, 15 * day, 15 * day, 0, false, 0},
		{"unknown", 0, 0, 0, 0, false, 0},
		{"14 days ahead", 0, 13 * day, 13 * day, 1, false, 14},
		{"that was told", 14, 13 * day, 13 * day, 0, false, 14},
		{"7 days ahead", 14, 7*day - time.Hour, 7*day - time.Hour, 2, false, 7},
		{"told as well", 7, 6 * day, 6 * day, 0, false, 7},
		{"the last day", 7, 20 * time.Hour, 20 * time.Hour, 3, false, 1},
		{"told too", 1, 20 * time.Hour, 20 * time.Hour, 0, false, 1},
		{"several at once, after a pause", 0, 5 * day, 5 * day, 2, false, 7},
		{"a first run near the end", 0, 0, 3 * day, 2, false, 7},
		{"a new consent", 7, 5 * day, 90 * day, 0, true, 0},
		{"a new consent of a few days", 1, 20 * time.Hour, 7*day - time.Hour, 2, false, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Now()
			at := func(d time.Duration) (ends time.Time) {
				if d != 0 {
					ends = now.Add(d).UTC().Truncate(time.Second)
				}
				return ends
			}
			s := newScenario(t)
			s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
				issued := issuedFor(in)
				issued.GrantEnds = at(c.end)
				return issued, nil
			}
			s.SetLastCompletionResult(workflows.Result{Account: token.DefaultAccount, Provider: token.DefaultProvider, GrantEnds: at(c.lastEnd), ConsentTold: c.told})
			result, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, c.carries, result.ConsentTold)
			if c.due == 0 && !c.healed {
				require.Empty(t, s.notices)
				return
			}
			require.Len(t, s.notices, 1)
			require.Equal(t, incident.ConsentEnds, s.notices[0].Reason)
			require.Equal(t, c.healed, s.notices[0].Healed)
			require.Equal(t, c.due, s.notices[0].Urgency)
			if c.due != 0 {
				require.Contains(t, s.notices[0].Message, "starter authorize --account default --provider fitbit")
			}
		})
	}
}

func TestAnEndThatCouldNotBeReportedIsAlertedByTheNextRun(t *testing.T) {
	ends := time.Now().Add(20 * time.Hour).UTC().Truncate(time.Second)
	run := func(last workflows.Result, away bool) (workflows.Result, []activities.AlertInput) {
		s := newScenario(t)
		s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
			issued := issuedFor(in)
			issued.GrantEnds = ends
			return issued, nil
		}
		if away {
			s.alert = func(int, activities.AlertInput) error { return forNow("nothing listens") }
		}
		s.SetLastCompletionResult(last)
		result, err := s.refresh()
		require.NoError(t, err)
		return result, s.notices
	}
	last := workflows.Result{Account: token.DefaultAccount, Provider: token.DefaultProvider, GrantEnds: ends, ConsentTold: 7}
	last, notices := run(last, true)
	require.NotEmpty(t, notices)
	last, notices = run(last, false)
	require.Len(t, notices, 1, "the last day is the last warning")
	require.Equal(t, 3, notices[0].Urgency)
	require.Equal(t, 1, last.ConsentTold)
}
