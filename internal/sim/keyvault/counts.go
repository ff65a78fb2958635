package keyvault

import (
	"maps"
	"strings"
	"sync"
)

// Counts tells how often each operation was asked for, in all and by name. Names
// are in lower case, and calls that a fault hit are counted too.
type Counts struct {
	ByOperation map[Operation]int            `json:"by_operation"`
	ByName      map[string]map[Operation]int `json:"by_name"`
}

// Counts returns what was asked since Start.
func (s *Server) Counts() Counts { return s.counter.snapshot() }

type counter struct {
	mu     sync.Mutex
	counts Counts
}

func (c *counter) add(op Operation, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts.ByOperation == nil {
		c.counts = Counts{ByOperation: map[Operation]int{}, ByName: map[string]map[Operation]int{}}
	}
	c.counts.ByOperation[op]++
	if name == "" {
		return
	}
	name = strings.ToLower(name)
	if c.counts.ByName[name] == nil {
		c.counts.ByName[name] = map[Operation]int{}
	}
	c.counts.ByName[name][op]++
}

func (c *counter) snapshot() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	byName := make(map[string]map[Operation]int, len(c.counts.ByName))
	for name, ops := range c.counts.ByName {
		byName[name] = maps.Clone(ops)
	}
	byOperation := maps.Clone(c.counts.ByOperation)
	if byOperation == nil {
		byOperation = map[Operation]int{}
	}
	return Counts{ByOperation: byOperation, ByName: byName}
}
