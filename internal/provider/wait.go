package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter bounds the wait that any provider can ask for. The longest real limit
// is a daily one.
const MaxRetryAfter = 24 * time.Hour

// MaxWait bounds the wait that this provider can ask for: a quarter of its access
// token's life, because a longer one would let tokens lapse for a typing error, and at
// least a minute.
func (p Provider) MaxWait() time.Duration {
	return min(max(p.AccessTokenLifetime/4, time.Minute), MaxRetryAfter)
}

// retryAfter is the wait that the answer asks for, at most p.MaxWait. Retry-After (RFC
// 9110 section 10.2.3) counts for both kinds; a rate limit's reset counts only when the
// limit is why the call failed, because every other answer carries it as well.
func retryAfter(p Provider, kind Kind, a Answer) time.Duration {
	if kind != RateLimited && kind != Unavailable {
		return 0
	}
	wait := readWait(a.Header.Get("Retry-After"), a.ReadAt)
	if kind == RateLimited {
		for _, name := range []string{p.RateLimitResetHeader, "RateLimit-Reset", "RateLimit"} {
			if wait == 0 {
				wait = readLimit(a.Header.Get(name), a.ReadAt)
			}
		}
	}
	// Whole seconds, rounded up: a moment before the end of a limit it still holds.
	return min((wait + time.Second - 1).Truncate(time.Second), p.MaxWait())
}

const (
	firstUnixTime   = 1e9  // 2001; as seconds to wait it would be 31 years
	firstUnixMillis = 1e12 // 2001 as well
)

// readWait reads what a header says about the end of a wait: seconds, an HTTP date or,
// as many providers have it against RFC 9110, a Unix time in seconds or milliseconds.
// Zero when it is none of these, or in the past. At most MaxRetryAfter.
func readWait(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), MaxRetryAfter)
	}
	if strings.Trim(value, "0123456789.") != "" {
		return 0
	}
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0
	}
	// Bounded before it becomes a duration, which could overflow.
	return time.Duration(min(max(untilUnix(seconds, now), 0), MaxRetryAfter.Seconds()) * float64(time.Second))
}

// untilUnix returns the seconds until a Unix time in seconds or milliseconds; a number
// that is too small to be one is such seconds already.
func untilUnix(seconds float64, now time.Time) float64 {
	switch {
	case seconds >= firstUnixMillis:
		return (seconds - float64(now.UnixMilli())) / 1000
	case seconds >= firstUnixTime:
		return seconds - float64(now.UnixMilli())/1000
	}
	return seconds
}

// readLimit reads a rate limit's header: a wait, or one of the two forms of
// draft-ietf-httpapi-ratelimit-headers, limit=100, remaining=0, reset=30 (until draft
// 07) and "policy";r=0;t=30 (since draft 08). Of several policies the longest wait
// counts, and none where calls are left.
func readLimit(value string, now time.Time) time.Duration {
	longest := time.Duration(0)
	for policy := range strings.SplitSeq(value, ",") {
		wait, exhausted := time.Duration(0), true
		for field := range strings.SplitSeq(policy, ";") {
			switch name, number, _ := strings.Cut(strings.TrimSpace(field), "="); name {
			case "t", "reset":
				wait = readWait(number, now)
			case "r":
				exhausted = number == "0"
			}
		}
		if exhausted {
			longest = max(longest, wait)
		}
	}
	if longest > 0 {
		return longest
	}
	return readWait(value, now)
}
