package main_test

import (
	"strings"
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

func TestF07InvalidGrantAfterAnotherRunRefreshedAdoptsTheNewestGeneration(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
	a := s.consent()
	s.work()
	// Both runs read generation 0 before either leaves its intent record there.
	name := testenv.SecretName(a.name, "RefreshToken")
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpUpdate, Name: name, Times: 1, DelayBefore: 10 * time.Second})
	late := a.refresh()
	s.eventually("the first run has read the refresh token", func() bool {
		return s.Vault.Counts().ByName[strings.ToLower(name)][keyvault.OpUpdate] == 1
	})
	a.refresh(otherID).result()
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes(), "the other run was too slow")

	result := late.result()
	require.Equal(t, workflows.Recovered, result.Outcome)
	require.EqualValues(t, 2, result.Generation)
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Reused, grant.Rotated}, a.outcomes())
	require.Zero(t, s.Vault.Counts().ByOperation[keyvault.OpDelete])
	a.nothingLost(2)
}

func TestF07InvalidGrantWhileTheOtherRunsPairIsOnItsWayAsksNobodyForConsent(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
	a := s.consent()
	w := s.work()
	// Both runs read generation 0 before either leaves its intent record there.
	name := testenv.SecretName(a.name, "RefreshToken")
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpUpdate, Name: name, Times: 1, DelayBefore: 5 * time.Second})
	late := a.refresh()
	s.eventually("the first run has read the refresh token", func() bool {
		return s.Vault.Counts().ByName[strings.ToLower(name)][keyvault.OpUpdate] == 1
	})
	require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: a.user, Hold: true}))
	other := a.refresh(otherID)
	a.held()
	late.completed("RecoverGrant") // and has found nothing
	a.release()

	require.Equal(t, workflows.Refreshed, other.result().Outcome)
	require.Equal(t, workflows.Recovered, late.result().Outcome)
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Reused}, a.outcomes()[:2])
	require.Empty(t, a.said(w, "needs a person"))
	a.nothingLost(int(late.result().Generation))
}

func TestF08InvalidGrantForRealAsksForConsentOnceAndHealsAfterIt(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	refreshToken := a.Held(a.name)
	w := s.work()
	s.Provider.CreateGrant(a.user) // the person consented elsewhere, which ended this grant

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
	require.Equal(t, activities.InvalidClient, failure.Type())
	require.Contains(t, failure.Message(), "check the client id and secret in the vault's FitbitCredentials")
	require.NotContains(t, failure.Error(), secretPrefix)
	require.Equal(t, 1, a.calls())
	a.untouched(refreshToken, 1)
	a.toldOnce(w, activities.InvalidClient)

	require.Equal(t, workflows.Refreshed, a.refresh().result().Outcome)
	a.nothingLost(1)
}

func TestF09RetiredProviderFailsAsSuchAndNamesItsSuccessor(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	refreshToken := a.Held(a.name)
	w := s.work()
	s.Provider.Retire()

	failure := a.refresh().failure()
	require.Equal(t, activities.ProviderRetired, failure.Type())
	require.Contains(t, failure.Message(), "consent anew at its successor, provider google-health")
	require.Equal(t, 1, a.calls())
	a.untouched(refreshToken, 1)
	a.toldOnce(w, activities.ProviderRetired)
}

func TestF09AnotherPersonsTokensAreNeverStored(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	w := s.work()
	a.refresh().result() // from here on the vault knows whose tokens they are
	refreshToken := a.Held(a.name)
	require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.WrongUser}))

	failure := a.refresh().failure()
	require.Equal(t, workflows.WrongUser, failure.Type())
	require.Contains(t, failure.Message(), "with the tokens of user "+authserver.WrongUserID+" instead of "+a.user)
	require.Contains(t, failure.Message(), "find out whose consent")
	require.Equal(t, 2, a.calls())
	a.untouched(refreshToken, 2)
	require.Len(t, a.accessVersions(), 1)
	a.toldOnce(w, workflows.WrongUser)

	// It was a slip of the provider's: within the replay window nothing is lost.
	require.Equal(t, workflows.Refreshed, a.refresh().result().Outcome)
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated, grant.Replayed}, a.outcomes())
	a.nothingLost(2)
}
