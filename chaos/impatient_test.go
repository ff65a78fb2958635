package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// Every answer is lost, and before a run can ask again the operator has ended it.
func TestF22RunsThatAnOperatorEndsOneAfterTheOtherAllAskInsideTheWindow(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: repeating})
	a := s.consent()
	s.work()
	commands := []func(account){
		func(a account) { a.cli("workflow", "terminate"); a.refresh() },
		func(a account) { a.cli("workflow", "reset", "--type", "FirstWorkflowTask", "--reason", "impatience") },
		func(a account) { a.cli("workflow", "reset", "--type", "LastWorkflowTask", "--reason", "impatience") },
		func(a account) {
			a.cli("workflow", "start", "--type", workflows.Type, "--task-queue", a.TaskQueue(), "--id-conflict-policy", "TerminateExisting",
				"--input", fmt.Sprintf(`{"account":%q}`, a.name))
		},
		func(a account) { a.cli("workflow", "cancel") },
	}
	require.NoError(t, s.Provider.Inject(authserver.Fault{
		Endpoint: authserver.Token, User: a.user, Times: authserver.EveryTime, Commit: true, Hold: true, Answer: authserver.Reset,
	}))
	a.refresh()
	a.presented(1)
	for _, command := range commands {
		before := len(a.outcomes())
		command(a)
		a.presented(before + 1) // each run has, before the next command
	}
	s.Provider.ClearFaults()
	s.Provider.Release(a.user) // its answer is lost as well

	a.current().wait()
	a.replayed(0)
	a.nothingLost(1)
}

func TestF22CancellationBeforeTheCallIsHeldWhileTheWindowIsOpen(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]keyvault.Operation{
		"in the load":   keyvault.OpGet,
		"in the search": keyvault.OpListVersions,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: repeating})
			a := s.consent()
			s.work()
			a.refresh().result() // after which a load lists no versions
			a.lostAnswer()
			secret := a.secret("RefreshToken")
			before := s.vaultCalls(secret, slow)
			s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: slow, Name: secret, Times: 1, DelayBefore: 5 * time.Second})
			next := a.refresh()
			s.eventually("the vault is slow", func() bool { return s.vaultCalls(secret, slow) > before || a.calls() > 2 })
			next.cancel()

			next.cancelled()
			a.replayed(1)
			a.nothingLost(2)
		})
	}
}

// cli has the Temporal CLI do something with the account's workflow.
func (a account) cli(args ...string) {
	a.t.Helper()
	a.temporalCLI(append(args, "--workflow-id", a.workflowID())...)
}

// current is the account's newest run.
func (a account) current() run {
	a.t.Helper()
	described, err := a.temporal.DescribeWorkflowExecution(a.t.Context(), a.workflowID(), "")
	require.NoError(a.t, err)
	return run{a, a.workflowID(), described.GetWorkflowExecutionInfo().GetExecution().GetRunId()}
}

// presented waits until the account's refresh tokens have been presented so often.
func (a account) presented(times int) {
	a.t.Helper()
	a.eventually(fmt.Sprintf("the provider has seen %d tokens", times), func() bool { return len(a.outcomes()) >= times })
}
