package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

var will = token.Account{Provider: "fitbit", Name: "will"}

func TestFinalFailuresEndTheRunAsWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		at    string
		kinds []string
	}{
		{"load", []string{activities.MissingSecret, activities.MalformedSecret, activities.ForeignSecret, activities.VaultRefused, activities.KeysetUnusable, activities.InvalidInput}},
		{"call", []string{activities.InvalidClient, activities.ProviderRetired, activities.KeysetUnusable}},
		{"store", []string{activities.GenerationConflict}},
		{"recover", []string{activities.MissingSecret, activities.GenerationConflict}},
	} {
		for _, kind := range c.kinds {
			t.Run(c.at+"/"+kind, func(t *testing.T) {
				s := newScenario(t)
				s.failAt(c.at, forGood(kind))
				_, err := s.refreshWith(workflows.Input{Account: "will"})
				require.Equal(t, "what "+kind+" says", requireFailure(t, err, kind))
				require.Equal(t, []activities.AlertInput{{Account: will, Reason: kind, Message: "what " + kind + " says"}}, s.notices)
				require.Equal(t, []string{"failed"}, s.health)
				require.Equal(t, "Failed: what "+kind+" says", s.closing)
			})
		}
	}
}

// failAt makes one of the steps fail.
func (s *scenario) failAt(step string, err error) {
	switch step {
	case "load":
		s.load = func(int, token.Account) (activities.LoadResult, error) { return activities.LoadResult{}, err }
	case "call":
		s.call = func(int, activities.LoadResult) (activities.RefreshResult, error) {
			return activities.RefreshResult{}, err
		}
	case "store":
		s.store = func(int, activities.RefreshResult) (activities.StoreResult, error) {
			return activities.StoreResult{}, err
		}
	case "recover":
		s.failAt("call", forGood(activities.InvalidGrant))
		s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
			return activities.RecoverResult{}, err
		}
	}
}

func TestLoadIsRetriedForAsLongAsItTakes(t *testing.T) {
	s := newScenario(t)
	began := s.Now()
	s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
		if s.Now().Sub(began) < 3*time.Hour {
			return activities.LoadResult{}, forNow("VaultNotReady")
		}
		return loaded(a, 4), nil
	}
	result, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, workflows.Refreshed, result.Outcome)
	require.Len(t, s.notices, 2, "one alert when it begins, one when it is over")
	require.Equal(t, workflows.LoadStuck, s.notices[0].Reason)
	require.Contains(t, s.notices[0].Message, "nothing is spent")
	require.True(t, s.notices[1].Healed)
}

func TestAProviderThatStaysAwayIsAlerted(t *testing.T) {
	s := newScenario(t)
	began := s.Now()
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		if s.Now().Sub(began) < 3*time.Hour {
			return activities.RefreshResult{}, forNow("ProviderNotReady")
		}
		return issuedFor(in), nil
	}
	_, err := s.refresh()
	require.NoError(t, err)
	require.Len(t, s.notices, 2)
	require.Equal(t, workflows.CallStuck, s.notices[0].Reason)
	require.Equal(t, []string{"stuck", "healthy"}, s.health)
}

func TestAnIncidentIsAlertedOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		before error
		told   []string
	}{
		{"the run before was green", nil, []string{"raised InvalidClient"}},
		{"the run before failed alike", forGood(activities.InvalidClient), nil},
		{"the run before failed otherwise", forGood(workflows.ReauthorizationRequired), []string{"raised InvalidClient", "healed ReauthorizationRequired"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			if c.before != nil {
				s.SetLastError(c.before)
			}
			s.failAt("call", forGood(activities.InvalidClient))
			_, err := s.refreshWith(workflows.Input{Account: "will"})
			requireFailure(t, err, activities.InvalidClient)
			require.Equal(t, c.told, s.told())
		})
	}
}

func TestAGreenRunAfterAFailedOneSaysHealed(t *testing.T) {
	s := newScenario(t)
	s.SetLastError(forGood(workflows.ReauthorizationRequired))
	_, err := s.refreshWith(workflows.Input{Account: "will"})
	require.NoError(t, err)
	require.Len(t, s.notices, 1)
	require.Equal(t, activities.AlertInput{Account: will, Reason: workflows.ReauthorizationRequired, Healed: true, Message: s.closing}, s.notices[0])
}

func TestAFailureWithoutATypeIsAlertedToo(t *testing.T) {
	s := newScenario(t)
	s.failAt("call", forGood(activities.InvalidGrant))
	s.instead = failing("RecoverGrant", temporal.NewTimeoutError(1, errors.New("it took too long")))
	_, err := s.refresh()
	require.Error(t, err)
	require.Len(t, s.notices, 1)
	require.Equal(t, workflows.Unexplained, s.notices[0].Reason)
	require.NotEmpty(t, s.notices[0].Message)
}

// An operator who fails an activity by hand gives no type.
func TestAFailureWithAnEmptyTypeIsAlertedToo(t *testing.T) {
	s := newScenario(t)
	s.failAt("call", forGood(""))
	_, err := s.refresh()
	require.Error(t, err)
	require.Len(t, s.notices, 1)
	require.Equal(t, workflows.Unexplained, s.notices[0].Reason)
}

func TestAnAlertThatCannotBeRaisedChangesNothing(t *testing.T) {
	s := newScenario(t)
	s.alert = func(int, activities.AlertInput) error { return forNow("nothing listens") }
	s.failAt("call", forGood(activities.InvalidClient))
	began := s.Now()
	_, err := s.refresh()
	requireFailure(t, err, activities.InvalidClient)
	require.Greater(t, s.calls["Alert"], 10, "a report that is lost leaves the incident without an account")
	require.LessOrEqual(t, s.Now().Sub(began), 4*time.Minute)
}

// A run that was stuck and then fails is stuck no longer: its account would count twice.
func TestAStuckRunThatFailsIsStuckNoLonger(t *testing.T) {
	s := newScenario(t)
	began := s.Now()
	s.call = func(int, activities.LoadResult) (activities.RefreshResult, error) {
		if s.Now().Sub(began) < time.Hour {
			return activities.RefreshResult{}, forNow("ProviderNotReady")
		}
		return activities.RefreshResult{}, forGood(activities.InvalidClient)
	}
	_, err := s.refresh()
	requireFailure(t, err, activities.InvalidClient)
	require.Equal(t, []string{"raised CallStuck", "raised InvalidClient", "healed CallStuck"}, s.told())
}

// An earlier run, of this chain or of another one, may have left the account in any open
// incident of its provider.
func TestAGreenRunThatFollowsNoGreenOneHealsWhatEarlierRunsHaveLeft(t *testing.T) {
	soon := time.Now().Add(3 * 24 * time.Hour)
	for _, c := range []struct {
		name string
		open []string
		ends time.Time
		with func(s *scenario)
		told []string
	}{
		{"nothing is open", nil, time.Time{}, func(*scenario) {}, nil},
		{"the first run of a chain", []string{workflows.CallStuck, activities.InvalidClient}, time.Time{}, func(*scenario) {}, []string{"healed CallStuck perhaps", "healed InvalidClient perhaps"}},
		{"after two failures", []string{activities.InvalidClient, workflows.ReauthorizationRequired}, time.Time{},
			func(s *scenario) { s.SetLastError(forGood(activities.InvalidClient)) }, []string{"healed InvalidClient", "healed ReauthorizationRequired perhaps"}},
		{"the consent was renewed", []string{"ConsentEnds"}, time.Time{}, func(*scenario) {}, []string{"healed ConsentEnds perhaps"}},
		{"the consent ends soon", []string{"ConsentEnds"}, soon, func(*scenario) {}, []string{"raised ConsentEnds"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.SetStartTime(time.Now())
			c.with(s)
			s.loadAs = func(_ int, in activities.LoadInput) (activities.LoadResult, error) {
				l := loaded(in.Account, 4)
				if require.True(t, in.Incidents); in.Incidents {
					l.Incidents = c.open
				}
				l.GrantEnds = c.ends
				return l, nil
			}
			s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
				issued := issuedFor(in)
				issued.GrantEnds = c.ends
				return issued, nil
			}
			_, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, c.told, s.told())
		})
	}
}
