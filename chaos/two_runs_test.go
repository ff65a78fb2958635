package main_test

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// otherID starts a run beside the one of the account's own id, which Temporal
// alone would not allow.
func otherID(o *client.StartWorkflowOptions) { o.ID = unique("other") }

// linear asserts that the vault's current refresh token is the provider's live
// one and of the given generation, that no generation is higher and that none
// has two tokens. A token may have been written twice.
func (a account) linear(generation int) {
	a.t.Helper()
	a.holdsLive()
	tokens := map[int]string{}
	versions := a.refreshVersions()
	for _, v := range versions {
		g, err := strconv.Atoi(v.Tags["generation"])
		require.NoError(a.t, err)
		require.LessOrEqual(a.t, g, generation)
		if tokens[g] != "" {
			require.Equal(a.t, tokens[g], v.Fingerprint, "two tokens of generation %d", g)
		}
		tokens[g] = v.Fingerprint
	}
	require.Len(a.t, tokens, generation+1, "generations")
	require.Equal(a.t, strconv.Itoa(generation), versions[len(versions)-1].Tags["generation"], "generation of the current refresh token")
	access := a.accessVersions()
	require.Equal(a.t, strconv.Itoa(generation), access[len(access)-1].Tags["generation"], "generation of the current access token")
}

func TestF17SecondRunWaitsForTheCallOfTheFirst(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	s.work()
	var a account
	var first, second run
	s.inTime(func() bool {
		a = s.consent()
		first = a.refreshHeld()
		second = a.refresh(otherID)
		second.completed("RecoverGrant") // and has found nothing
		return a.released()
	})

	first.refreshed()
	second.ends(workflows.Recovered, grant.Rotated, grant.Rotated)
}

func TestF17RunsThatLoadTheSameGrantKeepTheGenerationsLinear(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	s.workProven()
	s.work()
	// All have read the grant before the first of them leaves its intent record.
	s.Vault.Inject(keyvault.Fault{
		Kind: keyvault.Delay, Operation: keyvault.OpWrites, Name: a.secret("RefreshToken"),
		Times: 4, DelayBefore: 8 * time.Second,
	})
	var runs []run
	for range 4 {
		runs = append(runs, a.refresh(otherID))
	}
	newest := 0
	for _, r := range runs {
		newest = max(newest, int(r.result().Generation))
	}
	for _, outcome := range a.outcomes() {
		require.True(t, outcome.Granted(), "the provider called a token %s", outcome)
	}
	a.linear(newest)
}

func TestF17LateWriteOfASpentTokenIsFoundOut(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	s.workProven()
	// The first write of generation 1 takes effect long after its writer has given
	// it up.
	s.Vault.Inject(keyvault.Fault{
		Kind: keyvault.Delay, Operation: keyvault.OpSet, Name: a.secret("RefreshToken"),
		Times: 1, DelayBefore: 90 * time.Second,
	})
	require.EqualValues(t, 1, a.refresh().result().Generation)
	require.EqualValues(t, 2, a.refresh().result().Generation)
	a.nothingLost(2)
	s.eventually("the late write has taken effect", func() bool { return len(a.refreshVersions()) == 4 })
	require.Equal(t, "1", a.refreshVersions()[3].Tags["generation"])

	require.EqualValues(t, 3, a.refresh().result().Generation)
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated, grant.Rotated}, a.outcomes())
	a.linear(3)
}

// overtook asserts that an account's third run has kept its pair from what a worker did late
// that had the first one's answer: the token was spent, asked for again, and spent twice more.
// On a busy machine there may be more of both, see providerSaw.
func overtook(third run) {
	third.t.Helper()
	spent, repeated := apart(third.outcomes())
	require.GreaterOrEqual(third.t, len(spent), 3)
	require.Positive(third.t, repeated)
	for _, o := range spent {
		require.Equal(third.t, grant.Rotated, o)
	}
	third.lostNothing()
}

func TestF17WorkerFrozenWithTheAnswerOnItsWayWakesUpOvertaken(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	temporal, zombie := s.workBehindLink()
	run := a.refreshHeld()
	require.NoError(t, zombie.Signal(syscall.SIGSTOP))
	temporal.cut() // or the server would give a frozen worker more to do
	a.release()
	s.work()
	run.refreshed()
	a.refresh().refreshed()
	last := a.refresh()
	last.refreshed()
	temporal.mend()
	require.NoError(t, zombie.Signal(syscall.SIGCONT))

	require.NoError(t, zombie.Stop(patience)) // with all that it still had in memory
	overtook(last)
}

func TestF17WorkerFrozenWithThePairInHandWakesUpOvertaken(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	vault, variable := s.linkToVault()
	temporal, zombie := s.workBehindLink(variable)
	run := a.refreshHeld()
	temporal.cut()
	vault.cut()
	a.release()
	s.says(zombie, saysInHand)
	require.NoError(t, zombie.Signal(syscall.SIGSTOP))
	s.work()
	run.refreshed()
	a.refresh().refreshed()
	last := a.refresh()
	last.refreshed()
	temporal.mend()
	vault.mend()
	require.NoError(t, zombie.Signal(syscall.SIGCONT))

	s.says(zombie, saysEscrowed)
	require.NoError(t, zombie.Stop(patience))
	overtook(last)
}
