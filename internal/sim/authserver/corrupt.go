package authserver

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// corrupt returns the answer that is sent in place of the true one. truth is
// the zero reply when the request took no effect.
func (f Fault) corrupt(p Provider, truth reply, user, authorization string) reply {
	switch f.Answer {
	case Status:
		return f.statusReply(p)
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
	case FloodHeaders:
		return f.flooded()
	case FloodBody:
		return f.flooding()
	case Drip:
		truth.pause = time.Duration(cmp.Or(f.Pause, Duration(time.Second)))
		return truth
	case LongTokens:
		return truth.lengthened(strings.Repeat("a", cmp.Or(f.Size, 30_000)))
	case OddTokens:
		return truth.lengthened("\n")
	case NoExpiry, ZeroExpiry:
		if truth.tokens != nil {
			truth.tokens.expiresIn, truth.tokens.noExpiry = 0, f.Answer == NoExpiry
		}
		return truth
	case Dead:
		r := invalidGrant(theRefreshToken, "Refresh token invalid")
		r.refused.variant = f.Variant
		return r
	case Verbatim:
		if strings.HasPrefix(f.Body, "<") {
			return textReply(f.Status, "text/html; charset=utf-8", f.Body)
		}
		return textReply(f.Status, "application/json", f.Body)
	case Moved:
		r := textReply(http.StatusPermanentRedirect, "text/html", "")
		r.header.Set("Location", f.Location)
		return r
	default:
		return truth
	}
}

func (f Fault) statusReply(p Provider) reply {
	r := refuse(f.Status, "system", theRequest, http.StatusText(f.Status))
	gateway := f.Status >= http.StatusInternalServerError
	if gateway {
		page := fmt.Sprintf("<html><head><title>%d %s</title></head></html>", f.Status, http.StatusText(f.Status))
		r = textReply(f.Status, "text/html", page)
	}
	switch {
	case f.RetryAfter == 0:
	case p.WaitInBody && !gateway:
		r.refused.wait = time.Duration(f.RetryAfter)
	default:
		r.header.Set("Retry-After", f.WaitAs.of(time.Duration(f.RetryAfter), time.Now()))
	}
	if f.RateLimitReset != 0 {
		name := "RateLimit-Reset"
		if p.RateLimits {
			name = rateLimitReset
		}
		r.header.Set(name, f.WaitAs.of(time.Duration(f.RateLimitReset), time.Now()))
	}
	for name, value := range f.Header {
		r.header.Set(name, value)
	}
	return r
}

// of writes a wait that begins now. It goes by the machine's clock, because the client
// has no other to hold a time against.
func (w WaitForm) of(wait time.Duration, now time.Time) string {
	switch w {
	case AsHTTPDate:
		return now.Add(wait + time.Second - 1).UTC().Format(http.TimeFormat) // whole seconds, rounded up
	case AsUnixTime:
		return strconv.FormatInt(now.Add(wait+time.Second-1).Unix(), 10)
	case AsUnixMillis:
		return strconv.FormatInt(now.Add(wait).UnixMilli(), 10)
	case AsRubbish:
		return "in a while"
	default:
		return seconds(Duration(wait))
	}
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
