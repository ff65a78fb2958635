package authserver

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Answer is what a fault sends in place of the true answer.
type Answer string

// The answers. Truncated, WrongUser, Drip, LongTokens, OddTokens, NoExpiry and ZeroExpiry
// are made from the true answer, so the request takes effect; with the others it does only with
// [Fault.Commit]. So a gateway that gives up on a refresh that succeeded is {Commit:
// true, Answer: Status, Status: 503}.
const (
	// Truth is the provider's own answer.
	Truth Answer = ""
	// Reset ends the connection with a TCP reset.
	Reset Answer = "reset"
	// Status is an error answer with Fault.Status: JSON below 500, and from 500
	// on the HTML page of a gateway.
	Status Answer = "status"
	// Malformed is a 200 whose JSON breaks off, with a matching Content-Length.
	Malformed Answer = "malformed"
	// HTML is a 200 with a web page.
	HTML Answer = "html"
	// Truncated is the true answer cut in half, with the Content-Length of the
	// whole.
	Truncated Answer = "truncated"
	// NoTokens is a 200 that lacks access_token and refresh_token.
	NoTokens Answer = "no-tokens"
	// EmptyTokens is a 200 where both are empty strings.
	EmptyTokens Answer = "empty-tokens"
	// WrongUser is the true answer with user_id [WrongUserID].
	WrongUser Answer = "wrong-user"
	// InvalidClient is a 401 invalid_client that echoes the Authorization header.
	InvalidClient Answer = "invalid-client"
	// FloodHeaders is a 200 with Fault.Size bytes of headers.
	FloodHeaders Answer = "flood-headers"
	// FloodBody is a 200 with Fault.Size bytes of JSON, without a Content-Length.
	FloodBody Answer = "flood-body"
	// Drip is the true answer, a byte at a time, Fault.Pause apart.
	Drip Answer = "drip"
	// LongTokens is the true answer with Fault.Size bytes more in each token.
	LongTokens Answer = "long-tokens"
	// OddTokens is the true answer with a line feed at the end of each token, which RFC
	// 6749 appendix A.12 and A.17 forbid.
	OddTokens Answer = "odd-tokens"
	// NoExpiry is the true answer without expires_in, and ZeroExpiry with 0 in it.
	NoExpiry   Answer = "no-expiry"
	ZeroExpiry Answer = "zero-expiry"
	// Dead is the provider's own answer to a refresh token that it does not take; where
	// it has several, Fault.Variant says which.
	Dead Answer = "dead"
	// Verbatim is Fault.Status with Fault.Body: JSON, or a web page where it begins
	// with "<".
	Verbatim Answer = "verbatim"
	// Moved is a 308 to Fault.Location.
	Moved Answer = "moved"
)

// WrongUserID is the user that the WrongUser answer names.
const WrongUserID = "WRONG1"

// EveryTime as [Fault.Times] repeats a fault until ClearFaults.
const EveryTime = -1

// Fault is what happens to the requests that it matches. Its zero value strikes the
// next request and does nothing to it.
//
// In order: DelayBefore; the request takes effect, or not; DelayAfter; Hold;
// the answer. So a lost answer is {Commit: true, Answer: Reset} and a request
// that never arrived is {Answer: Reset}.
type Fault struct {
	// Endpoint and User narrow the requests that match. Empty: all.
	Endpoint Endpoint `json:"endpoint,omitempty"`
	User     string   `json:"user,omitempty"`
	// Nth is the first matching request that it strikes, counted from 1 since
	// it was injected. Zero means 1.
	Nth int `json:"nth,omitempty"`
	// Times is how many requests it strikes. Zero means 1.
	Times int `json:"times,omitempty"`

	DelayBefore Duration `json:"delay_before,omitempty"`
	// Commit lets the request take effect although Answer is not the truth.
	Commit     bool     `json:"commit,omitempty"`
	DelayAfter Duration `json:"delay_after,omitempty"`
	// Hold pauses the request before its answer, until Release or until the client
	// hangs up.
	Hold   bool   `json:"hold,omitempty"`
	Answer Answer `json:"answer,omitempty"`

	// Status is the HTTP status of the answer "status", 400 to 599, and of "verbatim",
	// whose body is Body.
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	// Variant is which of [Provider.DeadAnswers] the answer "dead" is, from 0.
	Variant int `json:"variant,omitempty"`
	// Location is where the answer "moved" points.
	Location string `json:"location,omitempty"`
	// RetryAfter and RateLimitReset are headers of the answer "status", sent when not
	// zero, in the form that WaitAs says. RateLimitReset goes into the provider's own
	// header, or else into RateLimit-Reset. Where a provider gives the wait in the body,
	// its own refusals (below 500) have RetryAfter there instead.
	RetryAfter     Duration `json:"retry_after,omitempty"`
	RateLimitReset Duration `json:"rate_limit_reset,omitempty"`
	WaitAs         WaitForm `json:"wait_as,omitempty"`
	// Header are more headers of the answer "status", sent as they stand.
	Header map[string]string `json:"header,omitempty"`

	// Size of what is sent too much of, in bytes. Zero means 9 MB of headers, 10 MB of
	// body and 30 kB of token.
	Size int `json:"size,omitempty"`
	// Pause between the bytes of the answer "drip". Zero means a second.
	Pause Duration `json:"pause,omitempty"`
}

// WaitForm is how a header says how long to wait.
type WaitForm string

// The forms. RFC 9110 has the first two for Retry-After; the others are what gateways
// and rate limiters send in its place.
const (
	InSeconds    WaitForm = ""
	AsHTTPDate   WaitForm = "http-date"
	AsUnixTime   WaitForm = "unix-time"
	AsUnixMillis WaitForm = "unix-millis"
	AsRubbish    WaitForm = "rubbish"
)

// Duration is a time.Duration that reads as "1m30s" in JSON.
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%w; write it as in \"2s\" or \"1m30s\"", err)
	}
	*d = Duration(parsed)
	return nil
}

// commits reports whether the request takes effect.
func (f Fault) commits() bool {
	switch f.Answer {
	case Truth, Truncated, WrongUser, Drip, LongTokens, OddTokens, NoExpiry, ZeroExpiry:
		return true
	default:
		return f.Commit
	}
}

func (f Fault) check() error {
	switch f.Endpoint {
	case "", Authorize, Token, Revoke, Profile:
	default:
		return fmt.Errorf("fault: endpoint %q is unknown; use authorize, token, revoke or profile", f.Endpoint)
	}
	switch f.Answer {
	case Truth, Reset, Malformed, HTML, Truncated, NoTokens, EmptyTokens, WrongUser, InvalidClient,
		FloodHeaders, FloodBody, Drip, LongTokens, OddTokens, NoExpiry, ZeroExpiry, Dead, Moved:
		if f.Status != 0 || f.RetryAfter != 0 || f.RateLimitReset != 0 || f.WaitAs != "" || f.Header != nil {
			return fmt.Errorf("fault: status, retry_after, rate_limit_reset, wait_as and header belong to the answer %q, not %q", Status, f.Answer)
		}
	case Verbatim:
		if f.Status < 200 || f.Status > 599 || f.Body == "" {
			return errors.New("fault: the answer \"verbatim\" needs a status, 200 to 599, and a body")
		}
	case Status:
		if f.Status < 400 || f.Status > 599 {
			return fmt.Errorf("fault: status %d is no error; use 400 to 599", f.Status)
		}
	default:
		return fmt.Errorf("fault: answer %q is unknown; see the constants of type Answer", f.Answer)
	}
	switch f.WaitAs {
	case InSeconds, AsHTTPDate, AsUnixTime, AsUnixMillis, AsRubbish:
	default:
		return fmt.Errorf("fault: wait_as %q is unknown; see the constants of type WaitForm", f.WaitAs)
	}
	if (f.Answer == Moved) != (f.Location != "") {
		return fmt.Errorf("fault: location belongs to the answer %q, which needs it", Moved)
	}
	if f.Answer != Verbatim && f.Body != "" || f.Answer != Dead && f.Variant != 0 || f.Variant < 0 {
		return fmt.Errorf("fault: body belongs to the answer %q, and variant, from 0, to %q", Verbatim, Dead)
	}
	if f.Size < 0 || f.Pause < 0 {
		return errors.New("fault: a negative size or pause")
	}
	return nil
}

// Inject adds a fault behind those that are still to come. It fails on a fault
// that contradicts itself.
func (s *Server) Inject(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.faults = append(s.script.faults, &armed{Fault: f})
	return nil
}

// ClearFaults drops all faults that are still to come. Requests that are
// delayed or paused already stay so.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.faults = nil
}

// script is the faults that are still to come, in the order of their injection.
type script struct{ faults []*armed }

type armed struct {
	Fault
	seen   int // matching requests since it was injected
	struck int
}

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
