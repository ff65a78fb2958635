package main_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// fleet is many accounts with a fresh consent each. Their tokens are put there past the
// vault's quota.
func (s *system) fleet(n int) []account {
	s.t.Helper()
	accounts := make([]account, n)
	for i := range accounts {
		name := unique("row")
		accounts[i] = account{s, s.fitbit(), name, testenv.UserOf(name)}
		require.NoError(s.t, s.Vault.Seed(accounts[i].secret("RefreshToken"), keyvault.Version{Value: accounts[i].at.consents(accounts[i].user), Enabled: true}))
	}
	return accounts
}

// due starts a run of each account, as the starter does: with its provider to be counted by.
func due(accounts []account) (runs []run) {
	for _, a := range accounts {
		runs = append(runs, a.refresh(func(o *client.StartWorkflowOptions) {
			o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.TokenProvider.ValueSet(a.at.name), workflows.TokenAccount.ValueSet(a.name))
		}))
	}
	return runs
}

// green waits for the runs and demands that each has left the live token. On a machine that
// stands still for seconds, a pair may come back from the vault.
func green(t *testing.T, runs []run) {
	t.Helper()
	for _, r := range runs {
		r.refreshed()
		r.holdsLive()
	}
}

// A seventh of Key Vault's quota, and a pace further below it than by default: slower than a
// busy machine, and with room for what such a one bunches up, which is not to be seen.
const (
	quota     = keyvault.Creations / 7
	pace      = "TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND=2.8"
	perSecond = 2.8 / 2 * .95
	fleetSize = 40
	// together are the answers that are given at once. Their stores and what the pace lets be
	// due in the next ten seconds are beyond the quota.
	together = 12
)

// All at once would write twice the quota. The vault has no limit in the rows that count what
// would have met one.
func TestAFleetThatIsDueAtOnceStaysBelowTheVaultsQuota(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	s.work().Kill() // the namespace has the search attributes now
	accounts := s.fleet(fleetSize)
	runs := due(accounts)
	for range 2 {
		s.work(pace)
	}
	began := time.Now()
	green(t, runs)
	// The server divides a queue's rate among its partitions, so that the last ones wait longest.
	t.Logf("%.2f per second, of %.2f that the pace allows", fleetSize/time.Since(began).Seconds(), perSecond)
	most := s.mostCreations(accounts)
	t.Logf("%d versions in the busiest ten seconds", most)
	require.LessOrEqual(t, most, quota)
	for _, r := range runs {
		r.providerSaw(grant.Rotated)
		r.callsOnce()
	}

	if os.Getenv(testenv.EnvTemporal) != "cluster" {
		return // the development server hands out none
	}
	eager := 0
	for _, r := range runs {
		eager += r.eagerCalls()
	}
	t.Logf("%d of %d calls were eager", eager, fleetSize)
	require.Greater(t, eager, fleetSize/2, "a queue with a rate has none")
}

// eagerCalls counts the calls that began as they were scheduled: the server hands them out
// with its answer to the workflow task, and takes no step for them.
func (r run) eagerCalls() (n int) {
	scheduled := map[int64]time.Time{}
	events := r.temporal.GetWorkflowHistory(r.t.Context(), r.id, r.runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(r.t, err)
		if a := event.GetActivityTaskScheduledEventAttributes(); a.GetActivityType().GetName() == "CallFitbit" {
			scheduled[event.GetEventId()] = event.GetEventTime().AsTime()
		}
		if at, ok := scheduled[event.GetActivityTaskStartedEventAttributes().GetScheduledEventId()]; ok {
			if event.GetEventTime().AsTime().Sub(at) < time.Millisecond {
				n++
			}
		}
	}
	return n
}

// A stranger takes the whole of the quota until the vault has refused a worker, and half of
// it afterwards, whatever happens.
func TestAStrangerWhoEatsTheVaultsQuotaIsMadeRoomFor(t *testing.T) {
	s := newSystem(t, testenv.Options{Vault: keyvault.Options{CreationLimit: quota}})
	s.work().Kill()
	runs := due(s.fleet(fleetSize))
	for range quota {
		_, _ = s.Vault.Put("Stranger", "fake-stranger")
	}
	go func() {
		for every := 10 * time.Second / quota; ; {
			if s.Vault.Counts().Throttled > 0 {
				every = 10 * time.Second / (quota / 2)
			}
			select {
			case <-t.Context().Done():
				return
			case <-time.After(every):
				_, _ = s.Vault.Put("Stranger", "fake-stranger")
			}
		}
	}()
	workers := []*testenv.Worker{s.work(pace), s.work(pace)}
	began := time.Now()
	green(t, runs)
	took := time.Since(began)
	refused := s.Vault.Counts().Throttled
	t.Logf("%d accounts in %s, %d refusals of the vault", fleetSize, took.Round(time.Second), refused)
	require.Positive(t, refused)
	require.Less(t, refused, 2*fleetSize, "what is refused is not asked again at once")
	for _, r := range runs { // a pair that is issued is kept, and no token presented twice
		r.providerSaw(grant.Rotated)
		r.callsOnce()
	}
	require.False(t, slices.ContainsFunc(workers, func(w *testenv.Worker) bool { return w.ExitCode() > 0 }))
}

// A provider keeps its answers back and then gives them all at once: the loads before them
// had their pace, and the stores after them come together, on top of what is due then.
func TestStoresThatComeTogetherHaveTurns(t *testing.T) {
	for name, killed := range map[string]bool{"workers stay": false, "workers are killed while stores wait": true} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			s.work().Kill()
			accounts := s.fleet(fleetSize)
			runs := due(accounts)
			require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true, Times: authserver.EveryTime}))
			workers := []*testenv.Worker{s.work(pace), s.work(pace)}
			s.eventually("a call waits for its answer", func() bool { return s.Provider.Held("") > 0 })
			first := time.Now() // which waits 12 s
			s.eventually("many wait", func() bool { return s.Provider.Held("") >= together || time.Since(first) > 11*time.Second })
			t.Logf("%d answers at once", s.Provider.Held(""))
			s.Provider.ClearFaults()
			s.Provider.Release("")
			if killed {
				s.eventually("stores wait for their turns", func() bool { return waitingStores(runs) >= 5 })
				for _, w := range workers {
					w.Kill()
				}
				s.work(pace)
				s.work(pace)
			}
			green(t, runs)
			most := s.mostCreations(accounts)
			t.Logf("%d versions in the busiest ten seconds", most)
			require.LessOrEqual(t, most, quota)
		})
	}
}

// waitingStores counts the stores that have been given a turn.
func waitingStores(runs []run) (n int) {
	for _, r := range runs {
		if r.pending("StoreSecrets").GetLastFailure().GetApplicationFailureInfo().GetType() == "AwaitsTurn" {
			n++
		}
	}
	return n
}

// mostCreations is how many versions of the accounts' tokens were created in the busiest ten
// seconds, without those of their consents.
func (s *system) mostCreations(accounts []account) (most int) {
	at := map[int64]int{}
	for _, a := range accounts {
		for i, v := range s.Vault.Versions(a.secret("RefreshToken")) {
			if i > 0 {
				at[v.Created.Unix()]++
			}
		}
		for _, v := range s.Vault.Versions(a.secret("AccessToken")) {
			at[v.Created.Unix()]++
		}
	}
	for from := range at {
		n := 0
		for i := range int64(10) {
			n += at[from+i]
		}
		most = max(most, n)
	}
	return most
}
