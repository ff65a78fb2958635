package main_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
)

// floods are answers that a client must not read to their end, and tokens that are none.
var floods = map[string]authserver.Fault{
	"headers":     {Answer: authserver.FloodHeaders, Commit: true},
	"a body":      {Answer: authserver.FloodBody, Commit: true, Size: 50_000_000},
	"a drip":      {Answer: authserver.Drip},
	"long tokens": {Answer: authserver.LongTokens},
	"odd tokens":  {Answer: authserver.OddTokens},
}

// roomFor is how much a worker may grow by while a provider floods it, with the race
// detector in it: half of what a container of it has without one.
const roomFor = 128 << 20

func TestF27ProviderThatFloodsHarmsNeitherTheWorkerNorAnotherProvidersAccounts(t *testing.T) {
	s := newSystem(t, testenv.Options{Others: []authserver.Options{{Provider: authserver.Xero()}}})
	w := s.work()
	spared := s.consentAt(s.other(0))
	spared.refresh().result()
	before := peakMemory(t, w)
	flooded := map[string][]run{}
	for name, fault := range floods {
		for range map[bool]int{true: 40, false: 8}[name == "headers"] {
			a := s.consent()
			fault.Endpoint, fault.User = authserver.Token, a.user
			require.NoError(t, s.Provider.Inject(fault))
			flooded[name] = append(flooded[name], a.refresh())
		}
	}
	for range 3 {
		spared.refresh().refreshed()
	}

	for name, runs := range flooded {
		for _, run := range runs {
			run.wait()
			for _, o := range run.outcomes() {
				require.True(t, o.Granted(), "%s: the provider called a token %s", name, o)
			}
			run.holdsPrintableTokens()
		}
	}
	grown := peakMemory(t, w) - before
	t.Logf("the worker had %d MB and has grown by %d MB", before>>20, grown>>20)
	require.Less(t, grown, roomFor, "the worker has grown by so many bytes")
	// What was flooded is had from the next answer, inside the window.
	for name, runs := range flooded {
		for _, run := range runs {
			require.Nil(t, run.refresh().wait().Failure, name)
			run.holdsLive()
		}
	}
	spared.holdsLive()
}

// other is the simulator of a further provider of the system.
func (s *system) other(i int) issuer {
	p := s.Others[i]
	name := p.Imitates().Name
	title := strings.ToUpper(name[:1]) + name[1:]
	return issuer{
		name: name, title: title, prefix: title + "-", takes: p.IsLive,
		consents: func(user string) string {
			refreshToken, _ := p.CreateGrant(user)
			return refreshToken
		},
	}
}

// holdsPrintableTokens asserts that what the vault has of the account could be a token.
func (a account) holdsPrintableTokens() {
	a.t.Helper()
	for _, kind := range []string{"RefreshToken", "AccessToken"} {
		for _, v := range a.Vault.Versions(a.secret(kind)) {
			require.False(a.t, strings.ContainsFunc(v.Value, func(r rune) bool { return r <= ' ' || r > '~' }), "%s has a blank", kind)
			require.Less(a.t, len(v.Value), 25_000, kind)
		}
	}
}

// peakMemory is the most that a worker has had in memory at once so far.
func peakMemory(t *testing.T, w *testenv.Worker) (bytes int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID()))
	if os.IsNotExist(err) {
		t.Skip("this system has no /proc")
	}
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			var kilobytes int
			_, err := fmt.Sscan(rest, &kilobytes)
			require.NoError(t, err)
			return kilobytes << 10
		}
	}
	t.Fatal("the kernel does not say how much memory a process has had")
	return 0
}
