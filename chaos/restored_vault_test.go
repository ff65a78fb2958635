package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/workflows"
)

// The provider revokes the grant at the sight of a token that it has replaced, which is
// what the vault shows after its owner has restored it.

func TestF24VaultOlderThanTheCronsLastResultIsSearchedForFirst(t *testing.T) {
	t.Parallel()
	for name, goBack := range map[string]func(a account, afterFirst keyvault.Backup, next run){
		"restored from a backup": func(a account, afterFirst keyvault.Backup, _ run) { require.NoError(a.t, a.Vault.Restore(afterFirst)) },
		"a stale replica": func(a account, _ keyvault.Backup, next run) {
			for _, kind := range []string{"RefreshToken", "AccessToken"} {
				a.Vault.Inject(keyvault.Fault{Kind: keyvault.Stale, Behind: 2, Name: a.secret(kind)})
			}
			next.completed("LoadSecrets")
			a.Vault.ClearFaults()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: unforgiving})
			a := s.consent()
			s.work()
			third, afterFirst := a.cronOfThree()
			after := third.next()
			goBack(a, afterFirst, after)

			require.Nil(t, after.wait().Failure)
			a.endCron(after)
			a.neverReused()
		})
	}
}

func TestF24VaultOlderThanAnyClosedRunIsSearchedForFirst(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	s.work()
	a.refresh().result()
	backup := a.backup()
	a.refresh().result()
	a.refresh().result()
	require.NoError(t, s.Vault.Restore(backup))

	a.refresh(otherID).refreshed()
	a.neverReused()
	a.refresh().refreshed()
	a.neverReused()
}

// Only the last result knows that there was a newer token, so that there is none to
// store; and the one that is left is not worth the grant.
func TestF24VaultOlderThanTheLastResultOfDeletedRunsIsToldAndNothingPresented(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	w := s.work()
	third, backup := a.cronOfThree()
	require.NoError(t, w.Stop(process.StopWithin))
	calls, newest := len(a.outcomes()), a.backup()
	require.NoError(t, s.Vault.Restore(backup))
	next := third.next()
	a.deleteClosedRuns()
	w = s.work()

	failure := next.failure()
	require.Equal(t, workflows.ReauthorizationRequired, failure.Type)
	require.Len(t, a.outcomes(), calls, "tokens presented")
	a.loggedOnce(w, saysAlert)
	require.NoError(t, s.Vault.Restore(newest))
	healed := next
	s.eventually("the cron is green again", func() bool {
		healed = healed.next()
		return healed.wait().Failure == nil
	})
	a.endCron(healed)
	a.neverReused()
}

// cronOfThree lets a cron refresh three times, and gives the third run and the vault as
// it was after the first.
func (a account) cronOfThree() (third run, afterFirst keyvault.Backup) {
	a.t.Helper()
	first := a.refresh(everyFewSeconds)
	first.result()
	afterFirst = a.backup()
	second := first.next()
	second.result()
	third = second.next()
	third.result()
	return third, afterFirst
}

// backup is of the account's two tokens.
func (a account) backup() keyvault.Backup {
	return a.Vault.Backup(a.secret("RefreshToken"), a.secret("AccessToken"))
}

// neverReused asserts that the provider has seen each refresh token once, while it was in
// force, and that the vault holds the one that is in force now.
func (a account) neverReused() {
	a.t.Helper()
	for i, o := range a.outcomes() {
		require.Equal(a.t, grant.Rotated, o, "token %d", i)
	}
	a.holdsLive()
}

// deleteClosedRuns deletes what Temporal has of the account's closed runs, as an operator
// can and must not.
func (a account) deleteClosedRuns() {
	a.t.Helper()
	query := "WorkflowId = '" + a.workflowID() + "' AND ExecutionStatus != 'Running'"
	a.temporalCLI("workflow", "delete", "--query", query, "--reason", "for the row's sake", "--yes")
	a.eventually("the closed runs are gone", func() bool {
		left, err := a.temporal.CountWorkflow(a.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Namespace: "default", Query: query})
		return err == nil && left.GetCount() == 0
	})
}
