package campaign

import (
	"math/rand/v2"
	"time"
)

// Kill is one SIGKILL: from just before it was sent until the process was gone.
type Kill struct{ At, Gone time.Time }

// Outage is a time in which a server took nothing: the vault answered reads and took
// no writes, as Key Vault does while it fails over to another region, or the vault
// or the Temporal server was killed.
type Outage struct{ From, Until time.Time }

const (
	// How long a process lives before it is killed: from less than it takes to get
	// to work, up to several refreshes.
	shortestLife = 300 * time.Millisecond
	longestLife  = 3 * time.Second

	// outageLasts is longer than azsecrets goes on trying by itself, some ten seconds.
	outageLasts = 15 * time.Second
)

// schedule draws how long each process lives, up to longest. The same seed gives
// the same lives for every target.
func schedule(seed uint64, kills int, longest time.Duration) []time.Duration {
	random := rand.New(rand.NewPCG(seed, seed))
	lives := make([]time.Duration, kills)
	for i := range lives {
		lives[i] = between(random, shortestLife, longest)
	}
	return lives
}

func sum(lives []time.Duration) (total time.Duration) {
	for _, life := range lives {
		total += life
	}
	return total
}

// outages draws when the vault's outages begin: one at random in each of n equal
// parts of the campaign. There are fewer where the parts would be too short to
// hold as much time without an outage as with one.
func outages(seed uint64, n int, total time.Duration) []time.Duration {
	n = min(n, int(total/(2*outageLasts)))
	random := rand.New(rand.NewPCG(seed, ^seed))
	begin := make([]time.Duration, n)
	for i := range begin {
		part := total / time.Duration(n)
		begin[i] = part*time.Duration(i) + time.Duration(random.Int64N(int64(part-outageLasts)))
	}
	return begin
}

// absences draws n times in which a server is killed, one at random in each of n
// equal parts of the campaign.
func absences(seed uint64, n int, total time.Duration) []absence {
	random := rand.New(rand.NewPCG(seed, ^seed))
	var drawn []absence
	for i := range n {
		part := total / time.Duration(n)
		lasts := between(random, shortestAbsence, longestAbsence)
		drawn = append(drawn, absence{part*time.Duration(i) + between(random, 0, part-longestAbsence), lasts})
	}
	return drawn
}

// between draws a duration from a half-open range; its beginning where that is empty.
func between(random *rand.Rand, from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + time.Duration(random.Int64N(int64(to-from)))
}
