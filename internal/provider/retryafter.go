package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter bounds what a provider can ask for. The longest real limit is a
// daily one; a longer wait would let tokens lapse for a typing error.
const MaxRetryAfter = 24 * time.Hour

// retryAfter is how long the answer asks to be left alone. Retry-After (RFC 9110
// section 10.2.3) speaks for itself; a rate limit's reset counts only when the
// limit is why the call failed, for it is sent with every other answer as well.
func retryAfter(p Provider, kind Kind, a Answer) time.Duration {
	if kind != RateLimited && kind != Unavailable {
		return 0
	}
	if wait := delay(a.Header.Get("Retry-After"), a.ReadAt); wait > 0 || kind == Unavailable {
		return wait
	}
	if wait := delay(a.Header.Get(p.RateLimitResetHeader), a.ReadAt); wait > 0 {
		return wait
	}
	return delay(a.Header.Get("RateLimit-Reset"), a.ReadAt)
}

// delay reads seconds or an HTTP date; zero when it is neither, or in the past.
func delay(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		// Bounded before it is multiplied, which could overflow.
		seconds = min(max(seconds, 0), int64(MaxRetryAfter/time.Second))
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), MaxRetryAfter)
	}
	return 0
}
