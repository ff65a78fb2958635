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
	// Denied answers 403 Forbidden, ForbiddenByRbac. With OpSet it is an identity whose
	// role lacks setSecret alone: new versions are refused, PATCH passes.
	Denied Kind = "denied"
	// DeniedByAzurePolicy refuses new versions as an Azure Policy with the effect deny
	// does, which asks for an expiry date or a content type; all else passes.
	DeniedByAzurePolicy Kind = "denied-by-azure-policy"
	// DeniedByAccessPolicy answers 403 Forbidden, ForbiddenByPolicy, as a vault with
	// access policies in place of roles.
	DeniedByAccessPolicy Kind = "denied-by-access-policy"
	// DeniedByConnection answers 403 Forbidden, ForbiddenByConnection, as a vault that
	// is open to private endpoints only.
	DeniedByConnection Kind = "denied-by-connection"
	// DeniedByFirewall answers 403 Forbidden, ForbiddenByFirewall.
	DeniedByFirewall Kind = "denied-by-firewall"
	// KeyUnresolved answers 401 with AKV10046, which comes and goes by itself.
	KeyUnresolved Kind = "key-unresolved"
	// WrongTenant answers 401 with AKV10032, as for a token of another tenant.
	WrongTenant Kind = "wrong-tenant"
	// BareConflict takes the inner code from a 409, as Lowkey Vault answers for a
	// deleted name. It makes no call fail by itself.
	BareConflict Kind = "bare-conflict"
	// Stale answers reads of the current version and listings as a replica that has
	// not seen the fault's Behind newest versions yet.
	Stale Kind = "stale"
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
	// Behind goes with Stale: how many of the newest versions are left out; 0 means one.
	Behind int
	// DelayBefore delays a call before it has any effect, DelayAfter between its
	// effect and its answer. Both go with any kind. On OpListVersions each page is
	// a call of its own.
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
	switch {
	case f.Kind == DeniedByAzurePolicy && op != OpSet:
		return false
	case f.Kind == Stale && op != OpGet && op != OpListVersions:
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
		return failure(errForbidden(op)), true
	case DeniedByAzurePolicy:
		return failure(errAzurePolicy()), true
	case DeniedByAccessPolicy:
		return failure(errAccessPolicy(op)), true
	case DeniedByConnection:
		return failure(errForbiddenConnection()), true
	case DeniedByFirewall:
		return failure(errForbiddenFirewall()), true
	case KeyUnresolved:
		return unauthorized(errKeyUnresolved()), true
	case WrongTenant:
		return unauthorized(errWrongTenant()), true
	case Throttled:
		return failure(errThrottled(f.RetryAfter)), true
	}
	return reply{}, false
}

// behind is how many versions a read does not see.
func (f Fault) behind() int {
	if f.Kind != Stale {
		return 0
	}
	return max(f.Behind, 1)
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
