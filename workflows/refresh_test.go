package workflows_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestARefreshIsThreeActivitiesInOrder(t *testing.T) {
	s := newScenario(t)
	_, err := s.refreshWith(workflows.Input{Account: "will"})
	require.NoError(t, err)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
	require.Equal(t, activities.LoadInput{Account: will, WorkflowIDs: []string{"default-test-workflow-id", "fitbit-token-refresh-will"}, Peek: true, Incidents: true}, first[activities.LoadInput](s, "LoadSecrets"))
}

func TestSealedPartsArePassedOnUntouched(t *testing.T) {
	s := newScenario(t)
	_, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, token.Sealed(sealedGrant), first[activities.LoadResult](s, "CallFitbit").Grant)
	require.Equal(t, token.Sealed(sealedPair), first[activities.RefreshResult](s, "StoreSecrets").Pair)
}

func TestTheResultShowsWhatIsInForceAndHoldsNoSecret(t *testing.T) {
	s := newScenario(t)
	result, err := s.refreshWith(workflows.Input{Account: "will", Provider: "fitbit"})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(100*24*time.Hour), result.AccessTokenExpiry, time.Minute)
	expiry := result.AccessTokenExpiry
	require.Equal(t, workflows.Result{
		Account:             "will",
		Provider:            "fitbit",
		Outcome:             workflows.Refreshed,
		Generation:          5,
		Fingerprint:         fingerprint(5),
		UserID:              "USER-1",
		Scopes:              []string{"activity", "sleep"},
		AccessTokenExpiry:   expiry,
		RefreshTokenVersion: "refresh-version-new",
		AccessTokenVersion:  "access-version-new",
		Summary:             s.closing,
		Attributes:          allAttributes,
	}, result)
	shown, err := json.Marshal(result)
	require.NoError(t, err)
	for _, envelope := range []token.Sealed{token.Sealed(sealedGrant), token.Sealed(sealedPair)} {
		inside, err := json.Marshal(envelope)
		require.NoError(t, err)
		require.NotContains(t, string(shown), string(inside), "not even sealed")
	}
}

func TestAPairThatCameTooLateIsSuperseded(t *testing.T) {
	s := newScenario(t)
	s.store = func(int, activities.RefreshResult) (activities.StoreResult, error) {
		return activities.StoreResult{Superseded: true, RefreshTokenVersion: "another-runs", AccessTokenVersion: "another-runs", AccessTokenNewer: true}, nil
	}
	result, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, workflows.Superseded, result.Outcome)
	require.Equal(t, "The vault holds something newer than generation 5 of fitbit/default and was left as it is.", s.closing)
}

// TestEveryStepIsTriedAsOftenAsItMay is the table of retries, section 2 of the
// design: what may be spent already is retried fast, what waits for the vault
// for ever, and no activity but a notice has an end of its own.
func TestEveryStepIsTriedAsOftenAsItMay(t *testing.T) {
	s := newScenario(t)
	s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
		if n == 1 {
			return activities.RefreshResult{}, forGood(activities.InvalidGrant)
		}
		return issuedFor(in), nil
	}
	s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
		return activities.RecoverResult{Found: activities.FoundInVault}, nil
	}
	s.SetLastError(forGood(activities.InvalidClient)) // so that there is an alert
	_, err := s.refresh()
	require.NoError(t, err)

	const forEver = 0
	for _, want := range []struct {
		step           string
		attempt        time.Duration
		heartbeat      time.Duration
		first, longest time.Duration
		factor         float64
		attempts       int32
	}{
		{step: "LoadSecrets", attempt: 30 * time.Minute, heartbeat: 5 * time.Second, first: time.Second, factor: 2, longest: time.Minute, attempts: forEver},
		{step: "CallFitbit", attempt: 20 * time.Second, heartbeat: 5 * time.Second, first: time.Second, factor: 1.5, longest: 15 * time.Second, attempts: forEver},
		{step: "StoreSecrets", attempt: 30 * time.Minute, heartbeat: 5 * time.Second, first: time.Second, factor: 2, longest: time.Minute, attempts: forEver},
		{step: "RecoverGrant", attempt: 30 * time.Minute, heartbeat: 5 * time.Second, first: time.Second, factor: 2, longest: time.Minute, attempts: forEver},
		{step: "Alert", attempt: 10 * time.Second, first: time.Second, factor: 2, longest: 15 * time.Second, attempts: 14},
	} {
		t.Run(want.step, func(t *testing.T) {
			got := s.step(t, want.step).options
			require.Equal(t, want.attempt, got.StartToCloseTimeout)
			require.Zero(t, got.ScheduleToCloseTimeout, "nothing ends because no worker is there")
			require.Zero(t, got.ScheduleToStartTimeout, "a queue without workers is no failure")
			require.Equal(t, want.heartbeat, got.HeartbeatTimeout)
			require.Equal(t, &temporal.RetryPolicy{
				InitialInterval: want.first, BackoffCoefficient: want.factor, MaximumInterval: want.longest, MaximumAttempts: want.attempts,
			}, got.RetryPolicy)
			require.NotEmpty(t, got.Summary, "every activity says in the Web UI what it is for")
		})
	}
}

func TestRefreshNowSignalsAreTakenByTheRunThatIsAtWork(t *testing.T) {
	s := newScenario(t)
	for range 3 {
		s.RegisterDelayedCallback(func() { s.SignalWorkflow(workflows.RefreshNow, nil) }, 0)
	}
	s.RegisterDelayedCallback(func() { s.SignalWorkflow(workflows.RefreshNow, "a payload that is not read") }, 0)
	s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
		if n < 3 {
			return activities.RefreshResult{}, forNow("ProviderNotReady")
		}
		return issuedFor(in), nil
	}
	_, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
	require.Zero(t, s.unread, "a signal that is left over makes the server run the last task again")
}

func TestARunThatKeepsMeetingNewerGrantsGivesUp(t *testing.T) {
	s := newScenario(t)
	s.load = func(n int, a token.Account) (activities.LoadResult, error) {
		return loaded(a, token.Generation(n)), nil
	}
	s.call = func(int, activities.LoadResult) (activities.RefreshResult, error) {
		return activities.RefreshResult{}, forGood(activities.GrantAdvanced)
	}
	_, err := s.refresh()
	require.Equal(t, "the refresh token of fitbit/default changed 5 times during one run; see that only one workflow refreshes this account",
		requireFailure(t, err, activities.GenerationConflict))
	require.Equal(t, 5, s.calls["CallFitbit"])
	require.Equal(t, []activities.AlertInput{{Account: token.Account{Provider: "fitbit", Name: "default"},
		Reason: activities.GenerationConflict, Message: "the refresh token of fitbit/default changed 5 times during one run; see that only one workflow refreshes this account"}}, s.notices)
}
