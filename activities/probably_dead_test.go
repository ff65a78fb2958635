package activities_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/vault"
)

// unclear is a Fitbit that answers every refresh like this, with the number of its requests.
func unclear(t *testing.T, entries string, status int, body string) (setup, *atomic.Int64) {
	var requests atomic.Int64
	return setup{entries: entries, tokenURL: answering(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	})}, &requests
}

func TestAnAnswerThatMayMeanADeadGrantIsFinalWhereNoAnswerCanBeRepeated(t *testing.T) {
	const page = "<html>no</html>"
	rejected := `{"errors":[{"errorType":"invalid_request","message":"no"}],"success":false}`
	ago := func(first, doubted time.Duration) map[string]any {
		said := map[string]any{"attempt": 8, "said": time.Now()}
		if first > 0 {
			said["first"], said["last"] = time.Now().Add(-first), time.Now().Add(-first)
		}
		if doubted > 0 {
			said["doubted"] = time.Now().Add(-doubted)
		}
		return said
	}
	fresh := func() attempt { return attempt{} }
	later := func(first, doubted time.Duration) func() attempt {
		return func() attempt { return attempt{number: 9, asked: 40 * time.Minute, told: ago(first, doubted)} }
	}
	const long = "    replay_window: 8h\n"
	for _, c := range []struct {
		name    string
		entries string
		at      func() attempt // at the call, for the windows are near their ends
		doubted bool
		status  int
		body    string
		want    string
	}{
		{"a 403, no replay", noReplay, fresh, false, 403, page, activities.ProbablyDead},
		{"a 400 of no known code, no replay", noReplay, fresh, false, 400, `{"error":"no_such_luck"}`, activities.ProbablyDead},
		{"an error in a 200, no replay", noReplay, fresh, false, 200, `{"error":"no_such_luck"}`, activities.ProbablyDead},
		{"a refusal in a 200 in words of its own, no replay", noReplay, fresh, false, 200, `{"errcode":40030,"errmsg":"invalid refresh_token"}`, activities.ProbablyDead},
		{"no more than that it is none, in a 200, no replay", noReplay, fresh, true, 200, `{"ok":false}`, activities.ProbablyDead},
		{"a page in a 200, no replay", noReplay, fresh, true, 200, page, "ProviderNotReady"},
		{"a 404, no replay", noReplay, fresh, false, 404, page, activities.ProbablyDead},
		{"a rejected request, which spends nothing", "", fresh, false, 400, rejected, activities.ProbablyDead},
		{"a 403 that a gateway may give for a commit", "", fresh, false, 403, page, "ProviderNotReady"},
		{"a 403 in the window that one has opened", "", later(0, time.Minute), false, 403, page, "ProviderNotReady"},
		{"a 403 after that window", "", later(0, 3*time.Minute), false, 403, page, activities.ProbablyDead},
		{"a 403 in the window of a lost answer", "", later(time.Minute, 3*time.Minute), false, 403, page, "ProviderNotReady"},
		{"a rejected request in the window of a lost answer", "", later(time.Minute, 0), false, 400, rejected, "ProviderNotReady"},
		{"a 403 after the window of a lost answer opens one of its own", "", later(3*time.Minute, 0), false, 403, page, "ProviderNotReady"},
		{"a 403 in the second call of a run, which opens one as well", "", fresh, true, 403, page, "ProviderNotReady"},
		{"a 403 in the window of the second call", "", later(0, 70*time.Second), true, 403, page, "ProviderNotReady"},
		{"a 403 at its end, while the provider repeats its answer", "", later(0, 100*time.Second), true, 403, page, activities.ProbablyDead},
		{"a rejected request in the second call, which spends nothing", "", fresh, true, 400, rejected, activities.ProbablyDead},
		{"a 403 in the second call, no replay", noReplay, fresh, true, 403, page, activities.ProbablyDead},
		{"a 403 in a long window that only such answers may have opened", long, later(0, 29*time.Minute), false, 403, page, "ProviderNotReady"},
		{"the same, for half an hour", long, later(0, 31*time.Minute), false, 403, page, activities.ProbablyDead},
		{"a 403 in the long window of a lost answer", long, later(time.Hour, 35*time.Minute), false, 403, page, "ProviderNotReady"},

		{"an outage, no replay", noReplay, fresh, true, 503, page, "ProviderNotReady"},
		{"a rate limit, no replay", noReplay, fresh, true, 429, page, "ProviderNotReady"},
		{"a 408, no replay", noReplay, fresh, true, 408, page, "ProviderNotReady"},
		{"a 425, no replay", noReplay, fresh, true, 425, page, "ProviderNotReady"},
		{"half a pair, no replay", noReplay, fresh, true, 200, `{"access_token":"` + canary + `a","refresh_token":"`, "ProviderNotReady"},
	} {
		t.Run(c.name, func(t *testing.T) {
			setup, requests := unclear(t, c.entries, c.status, c.body)
			s := newSystemWith(t, setup)
			loaded := s.mustLoad()
			loaded.Doubted = c.doubted
			err := s.call(c.at(), loaded)
			requireFailure(t, err, c.want, c.want == activities.ProbablyDead)
			require.EqualValues(t, 1, requests.Load())
			if c.want == activities.ProbablyDead {
				require.Contains(t, activities.Answer(err), fmt.Sprint(c.status))
				require.NotEmpty(t, activities.Fix(err))
				require.Equal(t, c.body == page || c.status == 404, activities.MayPass(err))
			}
		})
	}
}

// The attempts of one call, as they follow one another: what one leaves in its heartbeats
// the next one goes by.
func TestTheFirstSuchAnswerOpensTheWindowAndThoseAfterItDoNotMoveIt(t *testing.T) {
	setup, _ := unclear(t, "", 403, "<html>no</html>")
	s := newSystemWith(t, setup)
	loaded := s.mustLoad()
	before := time.Now()
	require.Error(t, s.call(attempt{}, loaded))
	first := s.heard.list()[len(s.heard.list())-1]
	require.WithinRange(t, timeIn(t, first, "doubted"), before, time.Now())
	require.NotContains(t, first, "first", "it is no request that may be repeated for ever")

	require.Error(t, s.call(attempt{number: 2, told: first}, loaded))
	second := s.heard.list()[len(s.heard.list())-1]
	require.Equal(t, first["doubted"], second["doubted"])
}

func timeIn(t *testing.T, word map[string]any, key string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, word[key].(string))
	require.NoError(t, err)
	return at
}

func TestTheAdviceOfAProviderThatEndsGrantsByItselfComesWithTheDoubt(t *testing.T) {
	setup, _ := unclear(t, noReplay+"    grant_ends: grants of apps in testing end after 7 days\n", 403, "<html>no</html>")
	s := newSystemWith(t, setup)
	err := s.call(attempt{}, s.mustLoad())
	requireFailure(t, err, activities.ProbablyDead, true)
	require.Contains(t, activities.Fix(err), "; see first that it will last: grants of apps in testing end after 7 days")
}

// Such a call has waited for the end of every window that it has opened, and the next run
// is not to wait for them again.
func TestARunWhoseGrantWasProbablyDeadLeavesNoWindowToTheNextOne(t *testing.T) {
	for failure, open := range map[string]bool{activities.ProbablyDead: false, activities.AnswerLost: true} {
		t.Run(failure, func(t *testing.T) {
			s := newSystemWith(t, setup{entries: "    replay_window: 8h\n"})
			own := s.mustLoad().Provenance.Fingerprint
			s.temporal.runs = []earlierRun{{id: "run-1", closed: true, tried: []pastCall{{of: own, attempt: 9, failure: failure, after: time.Minute}}}}
			loaded, err := s.load(attempt{run: "run-2"})
			require.NoError(t, err)
			require.Equal(t, "run-1", loaded.MayHaveSpent[0].RunID, "it is searched")
			for _, i := range loaded.MayHaveSpent {
				require.Equal(t, open, !i.At.IsZero())
			}
			// What it left on the record, as the run after it reads it.
			s.temporal.runs = nil
			loaded, err = s.load(attempt{run: "run-3"})
			require.NoError(t, err)
			require.Equal(t, open, !loaded.MayHaveSpent[0].At.IsZero())
		})
	}
}

// Where the provider ends a grant for a late repeat, a window of unknown time is none; one
// that is over says nothing of the next run's.
func TestARunWhoseGrantWasProbablyDeadHidesNoWindowOfTheNextOne(t *testing.T) {
	s := newSystemWith(t, setup{entries: "    reuse: revokes-grant\n    replay_window: 10m\n"})
	own := s.mustLoad().Provenance.Fingerprint
	s.temporal.runs = []earlierRun{{id: "run-1", closed: true, tried: []pastCall{{of: own, attempt: 9, failure: activities.ProbablyDead, after: time.Minute}}}}
	_, err := s.load(attempt{run: "run-2"})
	require.NoError(t, err)
	s.temporal.runs = append(s.temporal.runs, earlierRun{id: "run-2", closed: true, tried: []pastCall{{of: own, attempt: 1, after: time.Second}}})
	loaded, err := s.load(attempt{run: "run-3"})
	require.NoError(t, err)
	require.Equal(t, vault.Intent{RunID: "run-1", Over: true}, loaded.MayHaveSpent[0])
	require.Equal(t, "run-2", loaded.MayHaveSpent[1].RunID)
	for _, i := range loaded.MayHaveSpent[1:] {
		require.False(t, i.Over)
		require.False(t, i.At.IsZero())
	}
}

// The provider commits just when the run asks for the second time, and the gateway refuses on.
func TestThePairBehindTheSecondCallsRefusalIsHadInsideTheWindow(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	loaded.Doubted = true
	require.NoError(t, s.provider.Inject(authserver.Fault{Commit: true, Answer: authserver.Verbatim, Status: 403, Body: "<html>no</html>"}))
	err := s.call(attempt{}, loaded)
	requireFailure(t, err, "ProviderNotReady", false)
	require.LessOrEqual(t, delayOf(t, err), time.Second)
	said := s.heard.list()[len(s.heard.list())-1]
	require.ErrorIs(t, s.call(attempt{number: 2, told: said}, loaded), activity.ErrResultPending)
}

func TestTheSecondCallOfADoubtedTokenStillHasItsPair(t *testing.T) {
	s := newSystem(t)
	loaded := s.mustLoad()
	loaded.Doubted = true
	require.ErrorIs(t, s.call(attempt{}, loaded), activity.ErrResultPending)
}
