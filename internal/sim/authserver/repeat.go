package authserver

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// repeats is when each form was last posted to the token endpoint, by its hash.
type repeats map[[sha256.Size]byte]time.Time

// tooSoon refuses a form that was posted less than the repeat pause ago, whatever
// became of it then. It is before everything else, as at a gateway.
func (s *Server) tooSoon(form url.Values) (reply, bool) {
	pause, now := s.RepeatPause(), s.now()
	if pause == 0 {
		return reply{}, false
	}
	hash := sha256.Sum256([]byte(form.Encode()))
	last, seen := s.repeats[hash]
	s.repeats[hash] = now
	if !seen || now.Sub(last) >= pause {
		return reply{}, false
	}
	r := refuse(http.StatusTooManyRequests, "system", theRequest, fmt.Sprintf("Same arguments in less than %d seconds", int(pause.Seconds())))
	r.refused.wait = pause
	return r, true
}
