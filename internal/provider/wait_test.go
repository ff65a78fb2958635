package provider_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func TestRetryAfterIsWhatTheProviderAsks(t *testing.T) {
	longest := 2 * time.Hour // a quarter of the life of Fitbit's access tokens
	at := func(d time.Duration) string { return strconv.FormatInt(readAt.Add(d).Unix(), 10) }
	for _, tc := range []struct {
		name   string
		answer provider.Answer
		want   time.Duration
	}{
		{"seconds", answer(429, "", "Retry-After", "90"), 90 * time.Second},
		{"a fraction", answer(429, "", "Retry-After", "0.2"), time.Second},
		{"a date", answer(429, "", "Retry-After", "Sun, 22 Nov 2026 08:05:00 GMT"), 5 * time.Minute},
		{"a date in the past", answer(429, "", "Retry-After", "Sun, 22 Nov 2026 07:05:00 GMT"), 0},
		{"negative", answer(429, "", "Retry-After", "-5"), 0},
		{"no number", answer(429, "", "Retry-After", "soon"), 0},
		{"not a number", answer(429, "", "Retry-After", "NaN"), 0},
		{"without end", answer(429, "", "Retry-After", "Inf"), 0},
		{"an exponent", answer(429, "", "Retry-After", "1e3"), 0},
		{"points", answer(429, "", "Retry-After", "1.2.3"), 0},
		{"a day, which is too long", answer(429, "", "Retry-After", "86400"), longest},
		{"the longest number of seconds", answer(429, "", "Retry-After", "999999999"), longest},
		{"more than any number", answer(429, "", "Retry-After", "9223372036854775807"), longest},
		{"a date too far away", answer(429, "", "Retry-After", "Sun, 22 Nov 2099 08:05:00 GMT"), longest},

		{"Unix time", answer(429, "", "Retry-After", at(5*time.Minute)), 5 * time.Minute},
		{"Unix time of an outage", answer(503, "", "Retry-After", at(5*time.Minute)), 5 * time.Minute},
		{"Unix time with a fraction", answer(429, "", "Retry-After", at(5*time.Minute)+".25"), 301 * time.Second},
		{"Unix time in milliseconds", answer(429, "", "Retry-After", at(5*time.Minute)+"250"), 301 * time.Second},
		{"Unix time that is over", answer(429, "", "Retry-After", at(-time.Second)), 0},
		{"Unix time in milliseconds that is over", answer(429, "", "Retry-After", at(-time.Second)+"000"), 0},
		{"Unix time too far away", answer(429, "", "Retry-After", at(30*24*time.Hour)), longest},
		{"Unix time of a limit", answer(429, "", "RateLimit-Reset", at(5*time.Minute)), 5 * time.Minute},
		{"Unix time in Fitbit's header", answer(429, "", "Fitbit-Rate-Limit-Reset", at(5*time.Minute)), 5 * time.Minute},

		{"Fitbit's header", answer(429, "", "Fitbit-Rate-Limit-Reset", "1800"), 30 * time.Minute},
		{"Fitbit's header with its own word", answer(400, fitbitError("system", ""), "Fitbit-Rate-Limit-Reset", "1800"), 30 * time.Minute},
		{"the usual header", answer(429, "", "RateLimit-Reset", "60"), time.Minute},
		{"the usual header with a date", answer(429, "", "RateLimit-Reset", "Sun, 22 Nov 2026 08:05:00 GMT"), 5 * time.Minute},
		{"the draft's policy", answer(429, "", "RateLimit", `"default";r=0;t=30`), 30 * time.Second},
		{"the longest of the draft's exhausted policies", answer(429, "", "RateLimit", `"hour";r=0;t=300, "minute";r=0;t=30, "day";r=7;t=3000`), 5 * time.Minute},
		{"the draft's policy with calls left", answer(429, "", "RateLimit", `"default";r=1;t=30`), 0},
		{"the draft's older form", answer(429, "", "RateLimit", "limit=100, remaining=0, reset=50"), 50 * time.Second},
		{"another header's form", answer(429, "", "RateLimit", "100, 100;window=60"), 0},
		{"Retry-After before the others", answer(429, "", "Retry-After", "10", "Fitbit-Rate-Limit-Reset", "1800"), 10 * time.Second},
		{"another where Retry-After says nothing", answer(429, "", "Retry-After", "soon", "RateLimit-Reset", "60"), time.Minute},
		{"an outage with Retry-After", answer(503, "", "Retry-After", "30"), 30 * time.Second},
		{"an outage in a limited hour", answer(503, "", "Fitbit-Rate-Limit-Reset", "1800"), 0},
		{"a dead grant", answer(400, deadBody, "Retry-After", "30"), 0},
		{"nothing", answer(429, ""), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, failure := provider.Classify(lookup(t, "fitbit"), tc.answer)
			require.NotNil(t, failure)
			require.Equal(t, tc.want, failure.RetryAfter)
		})
	}
}

// Logs of Withings' users have both messages, with waits of 10 to 188 seconds.
func TestWithingsSaysInTheBodyHowLongToWait(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`{"status":601,"body":{"wait_seconds":10},"error":"Same arguments in less than 10 seconds"}`:  10 * time.Second,
		`{"status":601,"body":{"wait_seconds":188},"error":"Same arguments in less than 10 seconds"}`: 188 * time.Second,
		`{"status":601,"body":{"wait_seconds":"68"},"error":"Too Many Requests"}`:                     68 * time.Second,
		`{"status":601,"body":{"wait_seconds":99999},"error":"Too Many Requests"}`:                    45 * time.Minute,
		`{"status":601,"body":{"wait_seconds":-4},"error":"Too Many Requests"}`:                       0,
		`{"status":601,"body":{"wait_seconds":{}},"error":"Too Many Requests"}`:                       0,
		`{"status":601,"body":{},"error":"Too Many Requests"}`:                                        0,
		`{"status":601,"body":[],"error":"Too Many Requests"}`:                                        0,
		`{"status":601,"error":"Too Many Requests"}`:                                                  0,
	} {
		_, failure := provider.Classify(lookup(t, "withings"), answer(200, body))
		require.NotNil(t, failure)
		require.Equal(t, provider.RateLimited, failure.Kind, body)
		require.Equal(t, want, failure.RetryAfter, body)
	}
	_, failure := provider.Classify(lookup(t, "withings"), provider.Answer{Status: 200, Body: answer(200, `{"status":601,"body":{"wait_seconds":7}}`).Body})
	require.Equal(t, 7*time.Second, failure.RetryAfter, "an answer without a header")
	_, failure = provider.Classify(lookup(t, "withings"), answer(200, withingsError(503, "Invalid Params: invalid refresh_token"), "Retry-After", "7"))
	require.Zero(t, failure.RetryAfter)
}

func TestTheLongestWaitIsAPartOfTheAccessTokensLife(t *testing.T) {
	for life, want := range map[time.Duration]time.Duration{
		0:                   time.Minute,
		90 * time.Second:    time.Minute,
		30 * time.Minute:    7*time.Minute + 30*time.Second,
		8 * time.Hour:       2 * time.Hour,
		90 * 24 * time.Hour: provider.MaxRetryAfter,
	} {
		p := lookup(t, "xero")
		p.AccessTokenLifetime = life
		require.Equal(t, want, p.MaxWait(), life)
		_, failure := provider.Classify(p, answer(429, "", "Retry-After", "99999999"))
		require.Equal(t, want, failure.RetryAfter, life)
	}
}

// Whatever form a wait is written in, it is the same wait.
func TestAWaitIsTheSameInEachForm(t *testing.T) {
	p := lookup(t, "oura")
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		wait := time.Duration(1+random.IntN(6*3600)) * time.Second
		seconds, end := int64(wait/time.Second), readAt.Add(wait)
		for header, values := range map[string][]string{
			"Retry-After":     {fmt.Sprint(seconds), end.Format(http.TimeFormat), fmt.Sprint(end.Unix()), fmt.Sprint(end.UnixMilli())},
			"RateLimit-Reset": {fmt.Sprint(seconds), fmt.Sprint(end.Unix()), fmt.Sprint(end.UnixMilli())},
			"RateLimit":       {fmt.Sprintf(`"a";r=0;t=%d`, seconds), fmt.Sprintf("limit=1,remaining=0,reset=%d", seconds)},
		} {
			for _, value := range values {
				_, failure := provider.Classify(p, answer(429, "", header, value))
				require.Equal(t, wait, failure.RetryAfter, "%s: %s", header, value)
			}
		}
	}
}
