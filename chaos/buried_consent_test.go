package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// Two consents of one person are in force at once, as providers allow that name no user:
// the simulator has a user for each.
func TestF26ConsentThatAStoreWroteOverIsFoundWhenTheOldGrantDies(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: authserver.Options{Provider: authserver.Xero(), ReplayWindow: authserver.NoReplay}})
	xero := s.fitbit()
	xero.name, xero.title, xero.prefix = "xero", "Xero", "Xero-"
	s.work()
	var a account
	var again string
	var buries run
	s.inTime(func() bool {
		a = s.consentAt(xero)
		a.refresh().result()
		again = testenv.UserOf(unique("again"))
		// The consent comes after the store has looked and before it writes.
		secret := a.secret("RefreshToken")
		written, versions := s.vaultCalls(secret, keyvault.OpSet), len(s.Vault.Versions(secret))
		buries = a.refreshHeld()
		s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpSet, Name: secret, Times: 1, DelayBefore: 3 * time.Second})
		if !a.released() {
			return false
		}
		s.eventually("the store writes", func() bool { return s.vaultCalls(secret, keyvault.OpSet) > written })
		a.put(xero.consents(again))
		return len(s.Vault.Versions(secret)) == versions+1 // the consent, and no pair before it
	})
	buries.refreshed()
	for range 3 {
		a.refresh().refreshed()
	}
	require.Empty(t, s.Provider.Events(again), "the consent is what is refreshed: nothing was written over it")
	s.Provider.CreateGrant(a.user) // which ends the old grant

	require.Equal(t, workflows.Recovered, a.refresh().result().Outcome)
	require.Equal(t, grant.Rotated, s.Provider.Events(again)[0].Outcome)
	a.holdsLive()
}
