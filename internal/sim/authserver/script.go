package authserver

import "slices"

// script is the faults that are still to come, in the order they were injected.
type script struct{ faults []*armed }

type armed struct {
	Fault
	seen   int // matching requests since it was injected
	struck int
}

func (s *script) add(f Fault) { s.faults = append(s.faults, &armed{Fault: f}) }

func (s *script) clear() { s.faults = nil }

// next counts a request and returns the fault that strikes it: the first that
// matches and is due. Faults without conditions are therefore a queue, one per
// request.
func (s *script) next(e Endpoint, user string) Fault {
	var due *armed
	for _, f := range s.faults {
		if !f.matches(e, user) {
			continue
		}
		f.seen++
		if due == nil && f.seen >= f.Nth {
			due = f
		}
	}
	if due == nil {
		return Fault{}
	}
	due.struck++
	if due.Times != EveryTime && due.struck >= max(due.Times, 1) {
		s.faults = slices.DeleteFunc(s.faults, func(f *armed) bool { return f == due })
	}
	return due.Fault
}

func (f *armed) matches(e Endpoint, user string) bool {
	return (f.Endpoint == "" || f.Endpoint == e) && (f.User == "" || f.User == user)
}
