package main_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
)

// The provider repeats an answer until its tokens are used, and revokes the grant
// at the sight of the spent token after that: what a late attempt sends costs it.
func TestF17AttemptThatWakesAfterItsDeadlineSendsNothing(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReuseRevokes: true}})
	temporal, zombie := s.workBehindLink()
	var a account
	var late run
	s.inTime(func() (inTime bool) {
		a = s.consent()
		require.NoError(t, s.Provider.Inject(authserver.Fault{
			Endpoint: authserver.Token, User: a.user, Hold: true, Answer: authserver.Status, Status: http.StatusServiceUnavailable,
		}))
		late = a.refresh()
		a.held()
		// The second attempt looks for an escrowed pair first, and is frozen at that.
		secret := a.secret("RefreshToken")
		before := s.vaultCalls(secret, keyvault.OpGet)
		s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpGet, Name: secret, Times: 1, DelayBefore: 3 * time.Second})
		if !a.released() {
			return false
		}
		s.eventually("the second attempt reads the vault", func() bool { return s.vaultCalls(secret, keyvault.OpGet) > before })
		require.NoError(t, zombie.Signal(syscall.SIGSTOP))
		temporal.cut()          // or the server would give a frozen worker more to do
		time.Sleep(time.Second) // what it had sent before it froze is counted
		if inTime = a.calls() == 1; !inTime {
			temporal.mend()
			require.NoError(t, zombie.Signal(syscall.SIGCONT))
		}
		return inTime
	})
	s.work()
	generation := late.refreshed().Generation
	late.tried("CallFitbit", 3)
	require.Equal(t, generation+1, a.refresh().refreshed().Generation)
	sent := a.calls()
	temporal.mend()
	require.NoError(t, zombie.Signal(syscall.SIGCONT))

	require.NoError(t, zombie.Stop(patience)) // with all that it still had in hand
	require.Equal(t, sent, a.calls(), "requests at the provider")
	spent, _ := apart(a.outcomes())
	require.NotContains(t, spent, grant.Reused)
	a.nothingLost(len(spent))
}
