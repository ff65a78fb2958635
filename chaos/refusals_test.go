package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// The run that was overtaken does not even present its token: a load that took long reads
// again. The provider's own word for it is in the next row.
func TestF07RunThatAnotherOneOvertookInItsLoadAdoptsTheNewestGeneration(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	s.workProven()
	var a account
	var late run
	s.inTime(func() (inTime bool) {
		a = s.consent()
		// Both runs read generation 0 before either leaves its intent record there.
		late, inTime = a.overtaken(10*time.Second, func() { a.refresh(otherID).result() })
		return inTime
	})

	result := late.refreshed()
	require.EqualValues(t, 2, result.Generation)
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated}, a.outcomes())
	require.Zero(t, s.Vault.Counts().ByOperation[keyvault.OpDelete])
	a.nothingLost(2)
}

func TestF07InvalidGrantWhileTheOtherRunsPairIsOnItsWayAsksForNoConsent(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	w := s.workProven()
	var a account
	var late, other run
	s.inTime(func() (inTime bool) {
		a = s.consent()
		late, inTime = a.overtaken(5*time.Second, func() { other = a.refreshHeld(otherID) })
		if inTime {
			late.completed("RecoverGrant") // and has found nothing
		}
		return a.released() && inTime
	})

	other.refreshed()
	require.Equal(t, workflows.Recovered, late.result().Outcome)
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Reused}, a.outcomes()[:2])
	require.Empty(t, a.logged(w, saysAlert))
	a.nothingLost(int(late.result().Generation))
}

func TestF08InvalidGrantForRealAsksForConsentOnceAndHealsAfterIt(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	refreshToken := a.Held(a.name)
	w := s.work()
	s.Provider.CreateGrant(a.user) // the user consented elsewhere, which ended this grant

	a.asksForConsentOnce(w, a.refresh(everyFewSeconds), refreshToken)
	require.Zero(t, s.Vault.Counts().ByOperation[keyvault.OpDelete])
}

func TestF09RefusedClientFailsAsSuchAndNamesTheFix(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	refreshToken := a.Held(a.name)
	w := s.work()
	require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.InvalidClient}))

	failure := a.refresh().failure()
	require.Equal(t, activities.InvalidClient, failure.Type)
	require.Contains(t, failure.Message, "check the client id and secret in the vault's FitbitCredentials")
	require.NotContains(t, failure.Message, secretPrefix)
	require.Equal(t, 1, a.calls())
	a.untouched(refreshToken, 1)
	a.alertedOnce(w, activities.InvalidClient)

	a.refresh().refreshed()
	a.nothingLost(1)
}

func TestF09RetiredProviderFailsAsSuchAndNamesItsSuccessor(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	refreshToken := a.Held(a.name)
	w := s.work()
	s.Provider.Retire()

	failure := a.refresh().failure()
	require.Equal(t, activities.ProviderRetired, failure.Type)
	require.Contains(t, failure.Message, "consent anew at its successor, provider google-health")
	require.Equal(t, 1, a.calls())
	a.untouched(refreshToken, 1)
	a.alertedOnce(w, activities.ProviderRetired)
}

func TestF09AnotherUsersTokensAreNeverStored(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	w := s.work()
	a.refresh().result() // from here on the vault knows whose tokens they are
	refreshToken := a.Held(a.name)
	require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.WrongUser}))

	failure := a.refresh().failure()
	require.Equal(t, workflows.WrongUser, failure.Type)
	require.Contains(t, failure.Message, "with the tokens of user "+authserver.WrongUserID+" instead of "+a.user)
	require.Contains(t, failure.Message, "find out whose consent")
	require.Equal(t, 2, a.calls())
	a.untouched(refreshToken, 2)
	require.Len(t, a.accessVersions(), 1)
	a.alertedOnce(w, workflows.WrongUser)

	// It was a slip of the provider's: within the replay window nothing is lost.
	a.refresh().refreshed()
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated, grant.Replayed}, a.outcomes())
	a.nothingLost(2)
}
