package activities_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/vault"
)

// rotate puts a new client secret into the vault, which the provider does not know yet.
func (s *system) rotate(secret string) {
	s.vault.Put("FitbitCredentials", base64.StdEncoding.EncodeToString([]byte("FAKE0C:"+canary+secret)))
}

func TestWhileAClientSecretIsRotatedTheOneBeforeItIsTried(t *testing.T) {
	s := newSystem(t)
	s.rotate("next")
	require.ErrorIs(t, s.call(attempt{}, s.mustLoad()), activity.ErrResultPending)
	require.Equal(t, s.provider.Audit("USER-1").Live, s.temporal.last().Provenance.Fingerprint)
	require.Equal(t, 2, s.provider.Stats().Total.Calls[authserver.Token], "one with each secret")
	require.Equal(t, []string{"client refused", "ok"}, s.metrics.answered)
	require.Contains(t, s.said.String(), `msg="the provider takes the client secret before the current one only" account=fitbit/default secret=FitbitCredentials fix="finish the rotation at Fitbit, or store in FitbitCredentials what it has for the app; then disable the older versions"`)
}

func TestAClientThatIsRefusedWithEachSecretEndsTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*system)
		calls  int
	}{
		"there is one only":             {func(*system) {}, 1},
		"the provider takes none":       {func(s *system) { s.rotate("next") }, 2},
		"the vault does not say":        {func(s *system) { s.rotate("next"); s.refuse("list", "FitbitCredentials", vault.ErrUnavailable) }, 1},
		"the one before it is disabled": {func(s *system) { s.vault.Disable("FitbitCredentials"); s.rotate("next") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			c.change(s)
			loaded := s.mustLoad()
			require.NoError(t, s.provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.InvalidClient, Times: authserver.EveryTime}))
			message := requireFailure(t, s.call(attempt{}, loaded), activities.InvalidClient, true)
			require.Contains(t, message, "FitbitCredentials")
			require.Equal(t, c.calls, s.provider.Stats().Total.Calls[authserver.Token])
		})
	}
}

// A late second request would run into the next attempt.
func TestWithoutTimeForASecondRequestTheFirstRefusalCounts(t *testing.T) {
	s := newSystem(t)
	s.rotate("next")
	tight := func() time.Time { return time.Now().Add(5900 * time.Millisecond) } // 2.9 s for both
	requireFailure(t, s.call(attempt{deadline: tight, unheard: true}, s.mustLoad()), activities.InvalidClient, true)
	require.Equal(t, 1, s.provider.Stats().Total.Calls[authserver.Token])
}

// The second request may be the one that spends the token.
func TestALostAnswerToTheSecondRequestIsHadFromTheNextAttempt(t *testing.T) {
	s := newSystem(t)
	s.rotate("next")
	loaded := s.mustLoad()
	const slow = time.Second // the first refusal
	require.NoError(t, s.provider.Inject(authserver.Fault{Endpoint: authserver.Token, DelayBefore: authserver.Duration(slow)}))
	require.NoError(t, s.provider.Inject(authserver.Fault{Endpoint: authserver.Token, Nth: 2, Commit: true, Answer: authserver.Reset}))
	before := time.Now().Add(slow)
	requireFailure(t, s.call(attempt{}, loaded), "ProviderNotReady", false)
	told := s.heard.list()[len(s.heard.list())-1]
	require.WithinRange(t, timeIn(t, told, "first"), before, time.Now())
	require.ErrorIs(t, s.call(attempt{number: 2, told: told}, loaded), activity.ErrResultPending)
	require.Equal(t, 1, s.provider.Stats().Total.Replays)
}

// The client is what is to be mended, whatever a gateway answers to the other secret.
func TestAnAnswerToTheSecondRequestThatIsNotAboutTheTokenHidesNoRefusedClient(t *testing.T) {
	const (
		page    = "<html>no</html>"
		dead    = `{"errors":[{"errorType":"invalid_grant","message":"no"}],"success":false}`
		refused = `{"errors":[{"errorType":"invalid_client","message":"no"}],"success":false}`
	)
	for name, c := range map[string]struct {
		entries string
		status  int
		body    string
		want    string
		final   bool
		says    string
	}{
		"a page, no replay":           {noReplay, 403, page, activities.InvalidClient, true, "with the client secret before it 403 Forbidden"},
		"a page in its replay window": {"", 403, page, "ProviderNotReady", false, "with the client secret before it 403 Forbidden"},
		"a rejected request":          {noReplay, 400, `{"errors":[{"errorType":"invalid_request","message":"no"}],"success":false}`, activities.InvalidClient, true, ""},
		"an outage":                   {noReplay, 503, page, "ProviderNotReady", false, "before that the current client secret was refused"},
		"a dead grant":                {noReplay, 400, dead, activities.InvalidGrant, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			s := newSystemWith(t, setup{entries: c.entries, tokenURL: answering(t, func(w http.ResponseWriter, _ *http.Request) {
				if requests.Add(1)%2 == 1 {
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = fmt.Fprint(w, refused)
					return
				}
				w.WriteHeader(c.status)
				_, _ = fmt.Fprint(w, c.body)
			})})
			s.rotate("next")
			loaded := s.mustLoad()
			before := time.Now()
			message := requireFailure(t, s.call(attempt{}, loaded), c.want, c.final)
			require.EqualValues(t, 2, requests.Load())
			require.Contains(t, message, c.says)
			require.Equal(t, c.says != "", strings.Contains(message, "before"), "what has spent nothing opens no window")
			if c.want != activities.InvalidGrant {
				require.Contains(t, message, "FitbitCredentials", "the fix is the client's")
				require.NotContains(t, s.said.String(), "takes the client secret before the current one only")
			}
			if name != "a page in its replay window" {
				return
			}
			told := s.heard.list()[len(s.heard.list())-1]
			require.WithinRange(t, timeIn(t, told, "doubted"), before, time.Now())
			told["doubted"] = time.Now().Add(-3 * time.Minute)
			requireFailure(t, s.call(attempt{number: 2, told: told}, loaded), activities.InvalidClient, true)
		})
	}
}

func TestATokenIsNeverPresentedByAnotherApp(t *testing.T) {
	s := newSystem(t)
	s.vault.Put("FitbitCredentials", base64.StdEncoding.EncodeToString([]byte("NEWAPP:"+canary+"typo")))
	loaded := s.mustLoad()
	requireFailure(t, s.call(attempt{}, loaded), activities.InvalidClient, true)
	require.Equal(t, 1, s.provider.Stats().Total.Calls[authserver.Token])
}
