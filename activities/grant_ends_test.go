package activities_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
)

var grantEnds = time.Now().Add(100 * 24 * time.Hour).UTC().Truncate(time.Second)

func TestAGrantEndsWhenItDidUnlessTheAnswerSaysOtherwise(t *testing.T) {
	began := time.Now()
	for name, c := range map[string]struct {
		field string
		want  time.Time
	}{
		"the answer says nothing":     {"", grantEnds},
		"the answer says another end": {`,"consent_for":3600`, time.Now().Add(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystemWith(t, setup{entries: "    grant_lifetime_field: consent_for\n", tokenURL: answering(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"access_token":"%sa","refresh_token":"%sr","expires_in":3600%s}`, canary, canary, c.field)
			})})
			loaded := s.mustLoad()
			loaded.GrantEnds = grantEnds
			require.ErrorIs(t, s.call(attempt{}, loaded), activity.ErrResultPending)
			issued := s.temporal.last()
			require.WithinRange(t, issued.GrantEnds, c.want.Add(-time.Second), c.want.Add(time.Since(began)))
			_, err := s.store(issued)
			require.NoError(t, err)
			again, err := s.load(attempt{run: "run-2"})
			require.NoError(t, err)
			require.WithinDuration(t, issued.GrantEnds, again.GrantEnds, time.Second, "the next run knows it, as the tag has it")
		})
	}
}

func TestAnEscrowedPairKeepsItsGrantsEnd(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	loaded.GrantEnds = grantEnds
	s.temporal.answer = always(gone)
	requireFailure(t, s.call(attempt{}, loaded), "NoWordFromTemporal", false)
	s.temporal.answer = nil
	again, err := s.load(attempt{run: "run-2"})
	require.NoError(t, err)
	require.True(t, grantEnds.Equal(again.GrantEnds))
}

// A result that was completed by hand names a generation that no account has.
func TestAnImpossibleGenerationInAHistoryIsNotBelieved(t *testing.T) {
	const impossible = activities.MaxGeneration + 1
	for name, run := range map[string]func(activities.RefreshResult) earlierRun{
		"as a run's result": func(activities.RefreshResult) earlierRun {
			return earlierRun{completed: map[string]any{"account": "default", "provider": "fitbit", "generation": impossible, "fingerprint": "f00d"}}
		},
		"as a call's result": func(newest activities.RefreshResult) earlierRun {
			newest.Provenance.Generation = impossible
			return earlierRun{called: []activities.RefreshResult{newest}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, newest := restored(t, "")
			earlier := run(newest)
			earlier.id, earlier.closed = "run-9", true
			s.temporal.runs = []earlierRun{earlier}
			loaded, err := s.loadKnowing(attempt{run: "run-10"}, activities.Known{})
			require.NoError(t, err)
			require.False(t, loaded.Behind)
		})
	}
}
