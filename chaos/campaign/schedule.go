package campaign

import (
	"math/rand/v2"
	"time"
)

// How long a process lives before it is killed: from less than it takes to get
// to work, up to several refreshes.
const (
	shortestLife = 300 * time.Millisecond
	longestLife  = 3 * time.Second
)

// schedule draws how long each process lives. The same seed gives the same
// lives, whatever it is that lives them.
func schedule(seed uint64, kills int) []time.Duration {
	random := rand.New(rand.NewPCG(seed, seed))
	lives := make([]time.Duration, kills)
	for i := range lives {
		lives[i] = shortestLife + time.Duration(random.Int64N(int64(longestLife-shortestLife)))
	}
	return lives
}

func sum(lives []time.Duration) (total time.Duration) {
	for _, life := range lives {
		total += life
	}
	return total
}
