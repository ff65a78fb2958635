package activities_test

import (
	"crypto/x509"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/vault"
	client "tokenkeeper/internal/vault/keyvault"
)

// overTLS is a system whose vault is the simulator of Azure Key Vault, with the first refresh
// of an account behind it.
func overTLS(t *testing.T, entries string) (s *system, sim *keyvault.Server, last activities.Known) {
	t.Helper()
	sim, err := keyvault.Start(keyvault.Options{})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(sim.CertificatePEM()))
	secrets, err := client.New(client.Options{URL: sim.URL(), Credential: client.CredentialEmulator, RootCAs: roots})
	require.NoError(t, err)
	s = newSystemWith(t, setup{secrets: secrets, entries: entries})
	refresh, _ := s.provider.CreateGrant("USER-1")
	for name, value := range map[string]string{"FitbitCredentials": credentials, "RefreshToken": refresh} {
		_, err := sim.Put(name, value)
		require.NoError(t, err)
	}
	return s, sim, s.refreshKnowing(activities.Known{}, "run-1")
}

// refreshKnowing is one run, and returns what its result leaves to the next one.
func (s *system) refreshKnowing(last activities.Known, run string) activities.Known {
	s.t.Helper()
	loaded, err := s.loadKnowing(attempt{run: run}, last)
	require.NoError(s.t, err)
	require.ErrorIs(s.t, s.call(attempt{run: run}, loaded), activity.ErrResultPending)
	stored, err := s.store(s.temporal.last())
	require.NoError(s.t, err)
	require.False(s.t, stored.Superseded)
	p := s.temporal.last().Provenance
	return activities.Known{Generation: p.Generation, Fingerprint: p.Fingerprint, Version: stored.RefreshTokenVersion}
}

// calls are those of an operation at the vault that something makes.
func calls(sim *keyvault.Server, do func()) map[keyvault.Operation]int {
	before := sim.Counts().ByOperation
	do()
	made := map[keyvault.Operation]int{}
	for op, n := range sim.Counts().ByOperation {
		if made[op] = n - before[op]; made[op] == 0 || op == keyvault.OpChallenge {
			delete(made, op)
		}
	}
	return made
}

// Key Vault bills each call. What the store does is its fence and its convergence.
func TestARunThatFollowsAGoodOneMakesSevenCallsToTheVault(t *testing.T) {
	s, sim, last := overTLS(t, revoking)
	for _, run := range []string{"run-2", "run-3"} {
		made := calls(sim, func() { last = s.refreshKnowing(last, run) })
		require.Equal(t, map[keyvault.Operation]int{keyvault.OpGet: 4, keyvault.OpUpdate: 1, keyvault.OpSet: 2}, made)
	}
}

// Nothing is spent that would be lost with a vault that takes no writes.
func TestALoadOfATokenThatIsNeverSpentLeavesNoIntent(t *testing.T) {
	s, sim, last := overTLS(t, "    rotation: none\n"+noReplay)
	require.Equal(t, map[keyvault.Operation]int{keyvault.OpGet: 1}, calls(sim, func() {
		_, err := s.loadKnowing(attempt{run: "run-2"}, last)
		require.NoError(t, err)
	}))
	last.Fingerprint = "f00d" // another consent, which is given its tags
	require.Equal(t, 1, calls(sim, func() {
		_, err := s.loadKnowing(attempt{run: "run-3"}, last)
		require.NoError(t, err)
	})[keyvault.OpUpdate])
}

// What came between two runs makes the load look again.
func TestALoadTrustsTheLastResultOnlyWhileNothingCameBetween(t *testing.T) {
	for name, between := range map[string]func(s *system, sim *keyvault.Server, last *activities.Known){
		"another run's intent": func(s *system, _ *keyvault.Server, last *activities.Known) {
			_, err := s.loadKnowing(attempt{run: "run-other"}, *last)
			require.NoError(s.t, err)
		},
		"the same token written again": func(s *system, sim *keyvault.Server, last *activities.Known) {
			all := sim.Versions("RefreshToken")
			again := all[len(all)-1]
			again.Tags = maps.Clone(again.Tags)
			again.ID = ""
			require.NoError(s.t, sim.Seed("RefreshToken", again))
		},
		"a result that names no version": func(_ *system, _ *keyvault.Server, last *activities.Known) { last.Version = "" },
		"another run's refresh": func(s *system, _ *keyvault.Server, last *activities.Known) {
			s.refreshKnowing(*last, "run-other")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, sim, last := overTLS(t, revoking)
			between(s, sim, &last)
			made := calls(sim, func() {
				_, err := s.loadKnowing(attempt{run: "run-2"}, last)
				require.NoError(t, err)
			})
			require.Equal(t, 3, made[keyvault.OpGet], "refresh token, access token, credentials")
		})
	}
}

// A late writer has put a spent token on top, and the provider ends a grant that it sees
// again: the access token's generation shows it, because the version is not the last run's.
func TestASpentTokenThatCameBackOnTopIsNotTakenForTheLastResult(t *testing.T) {
	s, sim, last := overTLS(t, revoking)
	spent := sim.Versions("RefreshToken")
	zombie := spent[len(spent)-1]
	s.refreshKnowing(last, "run-other") // of another workflow, so that this one does not know
	newest := s.temporal.last().Provenance
	zombie.ID, zombie.Tags = "", maps.Clone(zombie.Tags)
	require.NoError(t, sim.Seed("RefreshToken", zombie))
	loaded, err := s.loadKnowing(attempt{run: "run-2"}, last)
	require.NoError(t, err)
	require.Equal(t, newest.Fingerprint, loaded.Provenance.Fingerprint)
}

// A worker remembers a client for minutes. One that is refused has spent nothing.
func TestAChangedClientSecretWorksAtOnceWhereTheOldOneIsRemembered(t *testing.T) {
	s := newSystem(t)
	last := s.refreshKnowing(activities.Known{}, "run-1")
	s.rotate("old")
	_, err := s.Vault.Credentials(t.Context(), vault.Names{Credentials: "FitbitCredentials"})
	require.NoError(t, err)
	s.rotate("client-secret") // which the provider takes
	before := s.provider.Stats().Total.Calls[authserver.Token]
	last = s.refreshKnowing(last, "run-2")
	require.Equal(t, before+2, s.provider.Stats().Total.Calls[authserver.Token])
	require.NotContains(t, s.said.String(), "takes the client secret before the current one only")
	s.refreshKnowing(last, "run-3")
	require.Equal(t, before+3, s.provider.Stats().Total.Calls[authserver.Token], "the new one is remembered")
}
