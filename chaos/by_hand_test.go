package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// TestF28ActivityThatIsEndedByHand has an operator fail or complete each activity of a
// run with the real CLI: the run says so by its failure's name, the next one is green, and
// no other account is touched.
func TestF28ActivityThatIsEndedByHandIsToldAndTheNextRunIsGreen(t *testing.T) {
	t.Parallel()
	for activity, at := range map[string]struct {
		provider authserver.Options
		reach    func(account) run // a run whose activity does not end by itself
		letGo    func(account)
		unnamed  bool // another account's result names no account
	}{
		"LoadSecrets": {
			reach: func(a account) run {
				a.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpGet, Name: a.secret("RefreshToken"), Times: 1, DelayBefore: forGood})
				return a.refresh()
			},
		},
		"CallFitbit": {
			// A worker gives each answer twelve seconds, of which the CLI may take more.
			reach: func(a account) run { return a.callHeld(authserver.Truth) },
			letGo: account.letGo,
		},
		"StoreSecrets": {
			reach: func(a account) run {
				a.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpSet, Name: a.secret("AccessToken"), Times: 1, DelayBefore: forGood})
				return a.refresh()
			},
			unnamed: true,
		},
		"RecoverGrant": {
			provider: unforgiving,
			reach: func(a account) run {
				a.refreshUnstored().terminate()
				a.Vault.ClearFaults()
				a.slowSearch(forGood)
				return a.refresh()
			},
		},
	} {
		t.Run(activity, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: at.provider})
			w := s.work()
			other := s.consent()
			results := map[string]string{
				"nothing":                  `{}`,
				"a number":                 `5`,
				"another account's result": other.resultOf(activity),
			}
			tokens := [2]int{len(other.refreshVersions()), len(other.accessVersions())}
			for deed, args := range map[string][]string{
				"failed":                   {"fail", "--reason", "impatience"},
				"nothing":                  {"complete", "--result", results["nothing"]},
				"a number":                 {"complete", "--result", results["a number"]},
				"another account's result": {"complete", "--result", results["another account's result"]},
			} {
				a := s.consent()
				a.refresh().result() // after which a load lists no versions
				r := at.reach(a)
				a.byHand(r, activity, args...)
				told := activities.UnexpectedResult
				switch {
				case deed == "failed":
					told = workflows.Unexplained
				case deed == "another account's result" && at.unnamed:
					told = "" // nothing tells it from the account's own
				}
				if told != "" {
					require.Equal(t, told, r.failure().Type, deed)
					line := a.loggedOnce(w, saysAlert)
					require.Equal(t, told, line["reason"], deed)
				}
				if at.letGo != nil {
					at.letGo(a)
				}

				a.refresh().refreshed(deed)
				a.holdsLive()
				for _, o := range a.outcomes() {
					require.True(t, o.Granted(), "%s: the provider called a token %s", deed, o)
				}
			}
			require.Equal(t, tokens, [2]int{len(other.refreshVersions()), len(other.accessVersions())}, "versions of the other account's tokens")
			other.holdsLive()
		})
	}
}

func TestF28CallThatIsPausedAndGoesOnInsideTheWindowHasThePair(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: repeating})
	a := s.consent()
	s.work()
	run := a.callHeld(authserver.Reset)
	a.byHand(run, "CallFitbit", "pause")
	a.letGo()
	s.eventually("the call is paused", func() bool {
		return run.pending("CallFitbit").GetState() == enumspb.PENDING_ACTIVITY_STATE_PAUSED
	})
	a.byHand(run, "CallFitbit", "unpause")

	run.ends(workflows.Refreshed, grant.Rotated, grant.Replayed)
}

// callHeld starts a run whose call has this answer kept back at every attempt, until letGo.
func (a account) callHeld(answer authserver.Answer) run {
	a.t.Helper()
	require.NoError(a.t, a.Provider.Inject(authserver.Fault{
		Endpoint: authserver.Token, User: a.user, Commit: true, Hold: true, Answer: answer, Times: authserver.EveryTime,
	}))
	r := a.refresh()
	a.held()
	return r
}

func (a account) letGo() {
	a.Provider.ClearFaults()
	a.Provider.Release(a.user)
}

// byHand waits until an activity of a run is at work, and has the Temporal CLI do
// something with it.
func (a account) byHand(r run, activity string, command ...string) {
	a.t.Helper()
	var id string
	a.eventually(activity+" is at work", func() bool {
		p := r.pending(activity)
		id = p.GetActivityId()
		return p.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED || p.GetPaused()
	})
	a.cli(append([]string{"activity"}, append(command, "--activity-id", id)...)...)
}

// resultOf is what an activity has returned in a run of the account, as the CLI takes it.
func (a account) resultOf(activity string) string {
	a.t.Helper()
	r := a.refresh()
	r.result()
	if activity == "RecoverGrant" {
		a.refreshUnstored().terminate()
		a.Vault.ClearFaults()
		r = a.refresh()
		r.result()
	}
	scheduled := map[int64]bool{}
	for _, e := range r.history() {
		if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activity {
			scheduled[e.GetEventId()] = true
		}
		if done := e.GetActivityTaskCompletedEventAttributes(); scheduled[done.GetScheduledEventId()] && done != nil {
			return string(done.GetResult().GetPayloads()[0].GetData())
		}
	}
	a.t.Fatalf("%s has no result", activity)
	return ""
}
