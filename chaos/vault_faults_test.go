package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func TestF10VaultThatFailsAtLoadLeavesTheTokenUnspent(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		keyvault.Fault
		says string
	}{
		"access denied": {keyvault.Fault{Kind: keyvault.Denied}, `grant this identity the role "Key Vault Secrets Officer"`},
		"throttled":     {keyvault.Fault{Kind: keyvault.Throttled, RetryAfter: time.Second}, "throttled (429 Too Many Requests"},
		"read-only":     {keyvault.Fault{Kind: keyvault.ReadOnly}, "read-only"},
		"unavailable":   {keyvault.Fault{Kind: keyvault.Unavailable}, "503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			a := s.consent()
			s.work()
			consented := s.Held(a.name)
			s.Vault.Inject(fault.Fault)
			run := a.refresh()
			run.retries("LoadSecrets", 3)
			require.Contains(t, run.pending("LoadSecrets").GetLastFailure().GetMessage(), fault.says)
			require.Zero(t, a.calls())
			a.untouched(consented, 1)
			s.Vault.ClearFaults()

			run.ends(workflows.Refreshed, grant.Rotated)
		})
	}
}

func TestF10VaultThatIsDownAtLoadLeavesTheTokenUnspent(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	s.work()
	s.Vault.Stop()
	run := a.refresh()
	run.retries("LoadSecrets", 3)
	require.Contains(t, run.pending("LoadSecrets").GetLastFailure().GetMessage(), "refuses connections")
	require.Zero(t, a.calls())
	require.NoError(t, s.Vault.Resume())

	run.ends(workflows.Refreshed, grant.Rotated)
}

func TestF11PairThatTheVaultDoesNotTakeWaitsInTheHistory(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]keyvault.Fault{
		"access denied": {Kind: keyvault.Denied, Operation: keyvault.OpWrites},
		"throttled":     {Kind: keyvault.Throttled, Operation: keyvault.OpWrites},
		"read-only":     {Kind: keyvault.ReadOnly},
		"answers lost":  {Kind: keyvault.Reset, Operation: keyvault.OpWrites},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			s.work()
			var waits run
			s.inTime(func() bool {
				a := s.consent()
				waits = a.refreshHeld()
				s.Vault.Inject(fault)
				if !a.released() {
					s.Vault.ClearFaults()
					return false
				}
				return true
			})
			waits.retries("StoreSecrets", 3)
			require.Len(t, waits.refreshVersions(), 1)
			waits.holdsNoSecret()
			s.Vault.ClearFaults()

			waits.ends(workflows.Refreshed, grant.Rotated)
			waits.callsOnce()
		})
	}
}

func TestF11PairOutlivesAVaultThatIsDownAndTheWorkerThatGotThePair(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	a := s.consent()
	doomed := s.work()
	run := a.refreshHeld()
	s.Vault.Stop()
	a.release()
	// Now the pair is in the history and nowhere else.
	run.retries("StoreSecrets", 4)
	run.holdsNoSecret()
	doomed.Kill()
	require.NoError(t, s.Vault.Resume())
	require.Len(t, a.refreshVersions(), 1)
	s.work()

	run.ends(workflows.Refreshed, grant.Rotated)
}

func TestF12SecretThatCannotBeReadFailsTheRunBeforeAnythingIsSpent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil, mend func(account, string)
		fails, says string
	}{
		"soft-deleted": {
			func(a account, secret string) { require.NoError(a.t, a.Vault.Delete(secret)) },
			func(a account, secret string) {
				a.az("POST", "/deletedsecrets/"+secret+"/recover")
				a.eventually("the secret is back", func() bool { return a.Vault.SetEnabled(secret, a.refreshVersions()[0].ID, true) == nil })
			},
			activities.MissingSecret, "az keyvault secret recover --vault-name VAULT --name ",
		},
		"disabled": {
			func(a account, secret string) {
				require.NoError(a.t, a.Vault.SetEnabled(secret, a.refreshVersions()[0].ID, false))
			},
			func(a account, secret string) {
				require.NoError(a.t, a.Vault.SetEnabled(secret, a.refreshVersions()[0].ID, true))
			},
			activities.MissingSecret, "enable it with az keyvault secret set-attributes --vault-name VAULT --name NAME --enabled true",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			a := s.consent()
			s.work()
			secret := a.secret("RefreshToken")
			c.spoil(a, secret)
			failure := a.refresh().failure()
			require.Equal(t, c.fails, failure.Type)
			require.Contains(t, failure.Message, secret)
			require.Contains(t, failure.Message, c.says)
			require.Zero(t, a.calls())
			c.mend(a, secret)

			a.refresh().refreshed()
			require.Equal(t, 1, a.calls())
			a.nothingLost(1)
		})
	}
}

func TestF12NameReusedForSomethingElseFailsTheRunBeforeAnythingIsSpent(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	s.work()
	secret := a.secret("RefreshToken")
	consented := s.Held(a.name)
	_, err := s.Vault.Put(secret, "the password of the coffee machine")
	require.NoError(t, err)
	failure := a.refresh().failure()
	require.Equal(t, activities.MalformedSecret, failure.Type)
	require.Contains(t, failure.Message, secret)
	require.Contains(t, failure.Message, "store the refresh token from the provider's consent in it")
	require.NotContains(t, failure.Message, "coffee")
	require.Zero(t, a.calls())
	_, err = s.Vault.Put(secret, consented)
	require.NoError(t, err)

	a.refresh().refreshed()
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	require.True(t, s.Provider.IsLive(s.Held(a.name)))
}

func TestF12SecretsDeletedWhileThePairIsOnItsWayAreRecovered(t *testing.T) {
	s := newSystem(t, testenv.Options{Vault: keyvault.Options{DeletionDelay: 2 * time.Second}})
	a := s.consent()
	s.work()
	a.refresh().refreshed()
	run := a.refreshHeld()
	require.NoError(t, s.Vault.Delete(a.secret("RefreshToken")))
	require.NoError(t, s.Vault.Delete(a.secret("AccessToken")))
	a.release()

	run.refreshed()
	run.callsOnce()
	run.lostNothing()
}

func TestF12SecretDisabledWhileThePairIsOnItsWayKeepsThePair(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	s.work()
	run := a.refreshHeld()
	spent := a.refreshVersions()[0].ID
	require.NoError(t, s.Vault.SetEnabled(a.secret("RefreshToken"), spent, false))
	a.release()

	run.refreshed()
	run.callsOnce()
	require.NoError(t, s.Vault.SetEnabled(a.secret("RefreshToken"), spent, true))
	run.lostNothing()
}

func TestF12NameReusedForANewConsentOutranksThePairOnItsWay(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	s.work()
	run := a.refreshHeld()
	secret := a.secret("RefreshToken")
	require.NoError(t, s.Vault.Delete(secret))
	s.az("DELETE", "/deletedsecrets/"+secret)
	consented := a.consentAgain()
	_, err := s.Vault.Put(secret, consented)
	require.NoError(t, err)
	a.release()

	// The pair is not stored, and so the run has no new access token until it has refreshed
	// the new consent.
	result := run.result()
	require.Equal(t, workflows.Refreshed, result.Outcome)
	require.EqualValues(t, 3, result.Generation) // the consent came after the pair's
	run.providerSaw(grant.Rotated, grant.Rotated)
	require.Len(t, a.refreshVersions(), 2)
	require.Equal(t, fingerprint(consented), a.refreshVersions()[0].Fingerprint)
	a.holdsLive()
}
