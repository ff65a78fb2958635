package authserver

import "context"

// hold is a request whose answer is kept back.
type hold struct {
	user    string
	release chan struct{}
}

// hold waits until the request is released and reports true, or reports false
// when the client hangs up or the server closes.
func (s *Server) hold(ctx context.Context, user string) bool {
	h := &hold{user: user, release: make(chan struct{})}
	s.mu.Lock()
	s.holds[h] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.holds, h)
		s.mu.Unlock()
	}()
	select {
	case <-h.release:
		return true
	case <-ctx.Done():
		return false
	case <-s.done:
		return false
	}
}

// Held counts the requests about the user that a fault holds right now; those
// of all users when user is empty. A held request has taken effect already,
// unless its fault says otherwise.
func (s *Server) Held(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := 0
	for h := range s.holds {
		if user == "" || user == h.user {
			held++
		}
	}
	return held
}

// Release answers the requests that Held counts, and returns their number.
func (s *Server) Release(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	released := 0
	for h := range s.holds {
		if user == "" || user == h.user {
			close(h.release)
			delete(s.holds, h)
			released++
		}
	}
	return released
}
