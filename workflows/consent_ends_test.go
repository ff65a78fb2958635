package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

var (
	hardEnd = time.Now().Add(200 * 24 * time.Hour).UTC().Truncate(time.Second)
	idleEnd = time.Now().Add(90 * 24 * time.Hour).UTC().Truncate(time.Second)
)

// ending is a scenario whose provider states both ends.
func ending(t *testing.T, refresh, grant time.Time) *scenario {
	s := newScenario(t)
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		issued := issuedFor(in)
		issued.RefreshEnds, issued.GrantEnds = refresh, grant
		return issued, nil
	}
	return s
}

func TestAResultSaysWhenTheConsentEnds(t *testing.T) {
	for _, c := range []struct {
		name           string
		refresh, grant time.Time
		shown          []time.Time
		words          string
	}{
		{"both", idleEnd, hardEnd, []time.Time{idleEnd}, "The consent ends on " + hardEnd.Format("2006-01-02") + ", in 199 days, whatever is refreshed. Without another refresh it ends on " + idleEnd.Format("2006-01-02") + ", in 89 days."},
		{"a hard end", time.Time{}, hardEnd, []time.Time{hardEnd}, "The consent ends on " + hardEnd.Format("2006-01-02") + ", in 199 days, whatever is refreshed."},
		{"an idle end", idleEnd, time.Time{}, []time.Time{idleEnd}, "Without another refresh it ends on " + idleEnd.Format("2006-01-02") + ", in 89 days."},
		{"none", time.Time{}, time.Time{}, nil, "s."},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ending(t, c.refresh, c.grant)
			result, err := s.refresh()
			require.NoError(t, err)
			require.True(t, result.RefreshTokenEnds.Equal(c.refresh))
			require.True(t, result.GrantEnds.Equal(c.grant))
			require.Equal(t, c.shown, s.ends)
			require.Len(t, s.attributes, 2, "one event at the start, and one at the end")
			require.Contains(t, s.closing, c.words)
		})
	}
}

// A cron's next run inherits no attribute that a run has set, and fails or waits with what is known.
func TestTheConsentsEndIsKeptByTheRunsAfterIt(t *testing.T) {
	last := workflows.Result{Account: "default", Provider: "fitbit", Generation: 4, Fingerprint: fingerprint(4), Attributes: allAttributes, RefreshTokenEnds: idleEnd, GrantEnds: hardEnd}
	later := hardEnd.Add(365 * 24 * time.Hour)
	held := func(grantEnds time.Time) func(int, token.Account) (activities.LoadResult, error) {
		return func(_ int, a token.Account) (activities.LoadResult, error) {
			l := loaded(a, 4)
			l.GrantEnds = grantEnds
			return l, nil
		}
	}
	for _, c := range []struct {
		name  string
		last  *workflows.Result
		held  time.Time
		fails bool
		want  []time.Time
	}{
		{"a failed run", &last, hardEnd, true, []time.Time{idleEnd}},
		{"a failed run, by the tag's whole seconds", &last, hardEnd.Add(-time.Second / 2), true, []time.Time{idleEnd}},
		{"a failed run of a token without the tag", &last, time.Time{}, true, []time.Time{idleEnd}},
		{"a failed run of a new consent", &last, later, true, []time.Time{idleEnd, later}},
		{"a failed run without a last result", nil, hardEnd, true, []time.Time{hardEnd}},
		{"a green run that states none", &last, time.Time{}, false, []time.Time{idleEnd, {}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			if c.last != nil {
				s.SetLastCompletionResult(*c.last)
			}
			s.load = held(c.held)
			if c.fails {
				s.failAt("call", forGood(activities.InvalidClient))
			}
			_, err := s.refresh()
			require.Equal(t, c.fails, err != nil)
			require.Equal(t, c.want, s.ends)
			require.Len(t, s.attributes, 2)
		})
	}
}

func TestARecoveryShowsTheEndThatTheVaultHas(t *testing.T) {
	s := newScenario(t)
	s.read = func(n int, a token.Account) (activities.LoadResult, error) {
		l, err := readOnly(n, a)
		l.GrantEnds = hardEnd
		return l, err
	}
	result, err := s.refreshWith(workflows.Input{Recover: true})
	require.NoError(t, err)
	require.True(t, result.GrantEnds.Equal(hardEnd))
}

func TestTheEndIsATimeThatTemporalCanBeAskedFor(t *testing.T) {
	require.Equal(t, "TokenConsentEnds", workflows.TokenConsentEnds.GetName())
	require.IsType(t, temporal.SearchAttributeKeyTime{}, workflows.TokenConsentEnds)
}
