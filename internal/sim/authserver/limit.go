package authserver

import (
	"net/http"
	"time"
)

// limitWindow is the time over which requests are counted.
const limitWindow = 10 * time.Second

// beyondLimit refuses a request of an application that has had its number (RFC 6585
// section 4), as a gateway does: nothing behind it learns of the request.
func (s *Server) beyondLimit() (reply, bool) {
	most, now := s.options.RequestLimit, s.now()
	if most == 0 {
		return reply{}, false
	}
	for len(s.taken) > 0 && now.Sub(s.taken[0]) >= limitWindow {
		s.taken = s.taken[1:]
	}
	if len(s.taken) < most {
		s.taken = append(s.taken, now)
		return reply{}, false
	}
	s.journal.total.Limited++
	wait := (limitWindow - now.Sub(s.taken[0]) + time.Second - 1).Truncate(time.Second)
	return Fault{Status: http.StatusTooManyRequests, RetryAfter: Duration(wait)}.statusReply(s.options.Provider), true
}
