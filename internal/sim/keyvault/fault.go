package keyvault

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is how a call fails.
type Kind string

const (
	// Delay is no failure: the fault's two delays alone apply.
	Delay Kind = "delay"
	// Unavailable answers 503.
	Unavailable Kind = "unavailable"
	// ReadOnly answers writes as a vault in regional failover does; reads pass.
	ReadOnly Kind = "read-only"
	// Denied answers 403 Forbidden, ForbiddenByRbac.
	Denied Kind = "denied"
	// Throttled answers 429 with the fault's RetryAfter.
	Throttled Kind = "throttled"
	// Reset resets the connection and does nothing.
	Reset Kind = "reset"
	// CommitThenCut executes the call, then resets the connection.
	CommitThenCut Kind = "commit-then-cut"
)

// Fault makes matching calls fail. It applies to authenticated calls only, so that
// counting "the next two calls" does not depend on the client's challenge.
type Fault struct {
	Kind Kind
	// Operation narrows the fault to one operation, or to OpWrites; empty is any.
	Operation Operation
	// Name narrows it to one secret, whatever the case; empty is any.
	Name string
	// Times is how many calls it hits before it is used up; 0 means until ClearFaults.
	Times int
	// RetryAfter goes with Throttled and is sent in whole seconds, rounded up;
	// 0 sends none.
	RetryAfter time.Duration
	// DelayBefore delays a call before it has any effect, DelayAfter between its
	// effect and its answer. Both go with any kind.
	DelayBefore, DelayAfter time.Duration
}

// Inject adds a fault. Where several match a call, the one injected first hits.
func (s *Server) Inject(f Fault) { s.faults.add(f) }

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.clear() }

func (f Fault) matches(op Operation, name string) bool {
	if f.Kind == ReadOnly && !op.writes() {
		return false
	}
	if f.Operation == OpWrites && !op.writes() {
		return false
	}
	if f.Operation != "" && f.Operation != OpWrites && f.Operation != op {
		return false
	}
	return f.Name == "" || strings.EqualFold(f.Name, name)
}

// reply is the answer that replaces the real one, if there is any.
func (f Fault) reply(op Operation) (reply, bool) {
	switch f.Kind {
	case Unavailable:
		return failure(errUnavailable()), true
	case ReadOnly:
		return failure(errReadOnly(op)), true
	case Denied:
		return failure(errForbidden()), true
	case Throttled:
		return failure(errThrottled(f.RetryAfter)), true
	}
	return reply{}, false
}

type faults struct {
	mu     sync.Mutex
	active []Fault
}

func (fs *faults) add(f Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.active = append(fs.active, f)
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.active = nil
}

// take finds the fault for a call and uses it up by one. The zero Fault is none.
func (fs *faults) take(op Operation, name string) Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	i := slices.IndexFunc(fs.active, func(f Fault) bool { return f.matches(op, name) })
	if i < 0 {
		return Fault{}
	}
	hit := fs.active[i]
	if hit.Times == 1 {
		fs.active = slices.Delete(fs.active, i, i+1)
	} else if hit.Times > 1 {
		fs.active[i].Times--
	}
	return hit
}
