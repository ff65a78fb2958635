package campaign

import (
	"math/rand/v2"
	"time"

	"tokenkeeper/internal/sim/authserver"
)

// plan is all that is done to a target, drawn from the seed: each target of one
// run meets the same.
type plan struct {
	lasts   time.Duration   // from the first fault to the last
	lives   []time.Duration // of the processes that are killed
	outages []time.Duration // when each begins

	// The rest is for a campaign with an operator only.
	commands []command
	answers  []answer
	vault    []absence // the vault is killed
	temporal []absence // the Temporal server is killed
}

// absence is a server that is killed at a time after the beginning and started
// again when it has been away for as long as it lasts.
type absence struct{ after, lasts time.Duration }

const (
	// commandEvery is the mean pause between an operator's commands.
	commandEvery = 700 * time.Millisecond

	// How many commands there are to each kill of a server and to each answer that
	// the provider does not give.
	commandsPerVaultKill    = 50
	commandsPerTemporalKill = 75
	commandsPerLostAnswer   = 10
	commandsPerWait         = 15

	shortestAbsence = 500 * time.Millisecond
	longestAbsence  = 3 * time.Second

	// How long a call that is paused stays so: up to this part of the replay window,
	// because a call that is paused past it cannot be saved.
	shortestPause   = 2 * time.Second
	pausesPerWindow = 6

	// longestWindow bounds what is derived from a provider's window, so that a campaign
	// ends, and shortestWindow stands for that of a provider that has none.
	longestWindow  = 2 * time.Minute
	shortestWindow = 20 * time.Second
)

// window is what waits and pauses are measured by.
func (o Options) window() time.Duration {
	return min(max(o.Replay, shortestWindow), longestWindow)
}

// planFor draws the plan of a campaign.
func planFor(o Options) plan {
	if o.Operations == 0 {
		lives := schedule(o.Seed, o.Kills, longestLife)
		return plan{lasts: sum(lives), lives: lives, outages: outages(o.Seed, o.Outages, sum(lives))}
	}
	lasts := max(time.Duration(o.Operations)*commandEvery, time.Duration(o.Kills)*(shortestLife+longestLife)/2)
	longestPause := longestWindow / pausesPerWindow
	if o.Replay > 0 {
		longestPause = o.window() / pausesPerWindow
	}
	p := plan{
		lasts:    lasts,
		outages:  outages(o.Seed, o.Outages, lasts),
		commands: commands(o.Seed, o.Operations, lasts, longestPause),
		answers:  answers(o.Seed, o.Operations, o.Accounts, o.window()),
		vault:    absences(o.Seed+1, (o.Operations+commandsPerVaultKill/2)/commandsPerVaultKill, lasts),
		temporal: absences(o.Seed+2, (o.Operations+commandsPerTemporalKill/2)/commandsPerTemporalKill, lasts),
	}
	if o.Kills > 0 {
		// The kills fill the same time as the commands.
		p.lives = schedule(o.Seed, o.Kills, 2*lasts/time.Duration(o.Kills)-shortestLife)
	}
	return p
}

// answer is what the provider answers to a call of an account in place of the
// truth. They are counted per account, so that the calls which they meet follow from the seed.
type answer struct {
	account int // its place among the accounts
	fault   authserver.Fault
}

// waits reports whether it asks for a pause before the next call.
func (a answer) waits() bool { return a.fault.Answer == authserver.Status }

// latestCall is the last of an account's calls that goes wrong.
const latestCall = 6

// answers draws the lost answers and the refusals with a Retry-After: half of the
// latter come from a gateway after the provider has committed. The wait is from
// half of the window to a quarter more than all of it. No two meet one call.
func answers(seed uint64, operations, accounts int, window time.Duration) []answer {
	random := rand.New(rand.NewPCG(seed, seed+2))
	type call struct{ account, nth int }
	taken := map[call]bool{}
	add := func(to []answer, f authserver.Fault) []answer {
		c := call{random.IntN(accounts), 1 + random.IntN(latestCall)}
		if taken[c] {
			return to
		}
		taken[c] = true
		f.Endpoint, f.Nth = authserver.Token, c.nth
		f.DelayBefore, f.DelayAfter = authserver.Duration(halfway), authserver.Duration(halfway)
		return append(to, answer{c.account, f})
	}
	var drawn []answer
	for range operations / commandsPerLostAnswer {
		drawn = add(drawn, authserver.Fault{Answer: authserver.Reset, Commit: true})
	}
	for i := range operations / commandsPerWait {
		drawn = add(drawn, authserver.Fault{
			Answer: authserver.Status, Status: []int{429, 503}[random.IntN(2)], Commit: i%2 == 0,
			RetryAfter: authserver.Duration(between(random, window/2, window+window/4).Round(time.Second)),
		})
	}
	return drawn
}
