package authserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// corrupt returns the answer that is sent in place of the true one. truth is
// the zero reply when the request took no effect.
func (f Fault) corrupt(truth reply, user, authorization string) reply {
	switch f.Answer {
	case Status:
		return f.statusReply()
	case Malformed:
		return textReply(http.StatusOK, "application/json", `{"access_token":"fake-broken","expires_in":28800,`)
	case HTML:
		return textReply(http.StatusOK, "text/html", "<!doctype html><title>Down for maintenance</title><p>Back soon.")
	case Truncated:
		truth.truncated = true
		return truth
	case NoTokens:
		return tokenReply(issue{expiresIn: 28800, user: user})
	case EmptyTokens:
		empty := ""
		return tokenReply(issue{access: &empty, refresh: &empty, expiresIn: 28800, user: user})
	case WrongUser:
		if truth.tokens != nil {
			truth.tokens.user = WrongUserID
		}
		return truth
	case InvalidClient:
		return invalidClient(authorization)
	default:
		return truth
	}
}

func (f Fault) statusReply() reply {
	r := refuse(f.Status, "system", theRequest, http.StatusText(f.Status))
	if f.Status >= http.StatusInternalServerError {
		page := fmt.Sprintf("<html><head><title>%d %s</title></head></html>", f.Status, http.StatusText(f.Status))
		r = textReply(f.Status, "text/html", page)
	}
	if f.RetryAfter > 0 {
		r.header.Set("Retry-After", seconds(f.RetryAfter))
	}
	if f.RateLimitReset > 0 {
		r.header.Set(rateLimitReset, seconds(f.RateLimitReset))
	}
	return r
}

func seconds(d Duration) string { return strconv.Itoa(int(time.Duration(d).Seconds())) }

// pausedRequest is a request that waits for Release before it is answered.
type pausedRequest struct {
	user    string
	release chan struct{}
}

// pause waits until the request is released and reports true, or reports false
// when the client hangs up or the server closes.
func (s *Server) pause(ctx context.Context, user string) bool {
	p := &pausedRequest{user: user, release: make(chan struct{})}
	s.mu.Lock()
	s.paused[p] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.paused, p)
		s.mu.Unlock()
	}()
	select {
	case <-p.release:
		return true
	case <-ctx.Done():
		return false
	case <-s.done:
		return false
	}
}

// Held counts the requests about the user that a fault pauses right now; those
// of all users when user is empty. A paused request has taken effect already,
// unless its fault says otherwise.
func (s *Server) Held(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pausedOf(user))
}

// Release answers the requests that Held counts, and returns their number.
func (s *Server) Release(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	released := s.pausedOf(user)
	for _, p := range released {
		close(p.release)
		delete(s.paused, p)
	}
	return len(released)
}

// pausedOf is called with the lock held.
func (s *Server) pausedOf(user string) (paused []*pausedRequest) {
	for p := range s.paused {
		if user == "" || user == p.user {
			paused = append(paused, p)
		}
	}
	return paused
}

// delay waits, also when the client hangs up, and ends when the server closes.
func (s *Server) delay(d Duration) {
	select {
	case <-time.After(time.Duration(d)):
	case <-s.done:
	}
}

// reset ends the TCP connection with RST instead of an answer.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the connection is gone already
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it close sends FIN, a polite end
	}
	_ = connection.Close()
}
