package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestAWrongInputIsAlertedOnce(t *testing.T) {
	unknown := token.Account{Provider: "unknown", Name: "unknown"}
	for _, c := range []struct {
		name, json string
		before     error
		account    token.Account
		alerts     int
	}{
		{"a misspelt key", `{"acount":"will"}`, nil, unknown, 1},
		{"the run before failed alike", `{"acount":"will"}`, forGood(activities.InvalidInput), unknown, 0},
		{"the run before failed otherwise", `{"acount":"will"}`, forGood(activities.InvalidClient), unknown, 1},
		{"a name that cannot be", `{"account":"Will"}`, nil, token.Account{Provider: "fitbit", Name: "Will"}, 1},
		{"another provider's", `{"account":"will","provider":"Oura"}`, nil, token.Account{Provider: "Oura", Name: "will"}, 1},
		{"a long name with control characters", `{"account":"` + `\u001b[31m` + strings.Repeat("w", 9000) + `"}`, nil, token.Account{Provider: "fitbit", Name: "?[31m" + strings.Repeat("w", 45) + "…"}, 1},
		{"a long key", `{"` + strings.Repeat("k", 9000) + `":1}`, nil, unknown, 1},
		{"a recovery, whose operator waits", `{"recover":true,"account":"Will"}`, nil, token.Account{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			if c.before != nil {
				s.SetLastError(c.before)
			}
			_, err := s.refreshWith(json.RawMessage(c.json))
			message := requireFailure(t, err, activities.InvalidInput)
			require.Less(t, len(message), 600)
			require.NotContains(t, message, "\x1b")
			require.Equal(t, "Failed: "+message, s.closing)
			raised := s.notices
			if len(raised) > 1 { // the failure before this one is over
				require.Equal(t, "healed InvalidClient", s.told()[1])
				raised = raised[:1]
			}
			require.Len(t, raised, c.alerts)
			for _, notice := range raised {
				require.Equal(t, activities.AlertInput{Account: c.account, Reason: activities.InvalidInput, Message: message}, notice)
			}
		})
	}
}

func TestTheCauseOfAStandstillIsShownWherePeopleLook(t *testing.T) {
	s := newScenario(t)
	s.cause = " The call is paused by an operator;\x1b unpause it."
	began := s.Now()
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		if s.Now().Sub(began) < time.Hour {
			return activities.RefreshResult{}, forNow("ProviderNotReady")
		}
		return issuedFor(in), nil
	}
	s.askAfter(30 * time.Minute) // at which the recorder sees the details
	_, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, workflows.CallStuck, s.notices[0].Reason)
	require.Contains(t, s.step(t, "timer").details, "Fitbit gives no usable answer to the refresh of fitbit/default, or its call waits for its turn. Run ")
	require.Contains(t, s.step(t, "timer").details, "goes on trying. The call is paused by an operator;? unpause it.")
}
