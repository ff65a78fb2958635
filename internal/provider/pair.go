package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// Details of an answer of success that holds no usable pair.
const (
	noRefreshToken = "no refresh token"
	errorInSuccess = "an error code in an answer of success"
)

// success is RFC 6749 section 5.1 with the user_id that Fitbit adds.
type success struct {
	AccessToken  string          `json:"access_token"`
	RefreshToken *string         `json:"refresh_token"`
	ExpiresIn    json.RawMessage `json:"expires_in"`
	Scope        looseString     `json:"scope"`
	UserID       looseString     `json:"user_id"`
	Error        json.RawMessage `json:"error"`
}

// readPair takes the tokens out of an answer of success, or says what makes it
// unusable. It is strict about what is stored as a token and tolerant of the rest,
// so that no issued pair is lost to an unusual scope, token type or lifetime. An
// access token that cannot be stored, and a refresh token too long to store, are left
// out: they do not cost the one beside them. A refresh token with other damage may come
// whole when the provider repeats its answer.
func readPair(p Provider, a Answer) (token.Pair, string) {
	var body success
	a = a.ignoreLateCut()
	if problem := a.decode(&body); problem != "" {
		return token.Pair{}, problem
	}
	refresh := ""
	if body.RefreshToken != nil {
		refresh = *body.RefreshToken
	}
	tokens := []string{body.AccessToken, refresh} // as they came
	var issue token.Issue
	if err := token.CheckValue(body.AccessToken); body.AccessToken != "" && err != nil {
		issue.AccessProblem, body.AccessToken = err.Error(), ""
	}
	refreshErr := token.CheckValue(refresh)
	switch {
	case refresh == "" || refreshErr == nil:
	case p.Rotation == NoRotation:
		refresh = "" // the old one stays in force
	case errors.Is(refreshErr, token.ErrTooLong):
		issue.RefreshProblem, refresh = refreshErr.Error(), ""
	}
	noAccess := body.AccessToken == "" && issue.AccessProblem == ""
	switch {
	case statesError(body.Error, noAccess):
		return token.Pair{}, errorInSuccess
	case noAccess:
		return token.Pair{}, "no access token"
	case refresh == "" && issue.RefreshProblem == "" && mustRotate(p.Rotation, body.RefreshToken):
		return token.Pair{}, noRefreshToken
	case refresh != "" && refreshErr != nil:
		return token.Pair{}, fmt.Sprintf("a refresh token that %v", refreshErr)
	}
	for _, sent := range a.Sent {
		tokens = append(tokens, sent.Reveal())
	}
	issue.ObtainedAt = a.ReadAt
	issue.UserID = harmless(string(body.UserID), tokens)
	issue.Scopes = harmlessAll(p.Dialect.splitScopes(string(body.Scope)), tokens)
	if lifetime := readLifetime(body.ExpiresIn, p.AccessTokenLifetime); lifetime > 0 {
		issue.Expiry = a.ReadAt.Add(lifetime)
	}
	issue.RefreshEnds, issue.GrantEnds = readEnds(p, a)
	return token.Pair{AccessToken: token.NewSecret(body.AccessToken), RefreshToken: token.NewSecret(refresh), Issue: issue}, ""
}

// statesError reports whether the field error of an answer of success says anything: a
// text or a number does, and any other shape where there is no access token beside it.
func statesError(raw json.RawMessage, noAccess bool) bool {
	var text looseString
	_ = text.UnmarshalJSON(raw) // returns none
	if text != "" {
		return true
	}
	nothing := []string{"", "null", `""`, "false"}
	return noAccess && !slices.Contains(nothing, string(raw))
}

// mustRotate reports whether an answer whose refresh token is absent (nil) or
// empty has lost one. Where tokens rotate at times, only an empty one is lost.
func mustRotate(r Rotation, stated *string) bool {
	return r == SingleUse || r == Sometimes && stated != nil
}

// maxLifetime bounds every lifetime of an answer. Tokens "without end" are issued for 10
// to 68 years; more than a century is an error.
const maxLifetime = 100 * 365 * 24 * time.Hour

// readLifetime reads expires_in, which some providers put in quotes. Where it is absent,
// 0 or no lifetime at all, the documented one counts.
func readLifetime(raw json.RawMessage, documented time.Duration) time.Duration {
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	// Written so that NaN fails too.
	if err != nil || !(seconds >= 1 && seconds <= maxLifetime.Seconds()) {
		return documented
	}
	return time.Duration(seconds) * time.Second
}

// readEnds returns when the refresh token ends unless it is refreshed before, and when
// the grant ends whatever is done; zero when the answer and the entry do not say. How
// long a consent lasts is known only to the answer to a refresh: the entry's life counts
// from the consent on; see [Client.Exchange].
func readEnds(p Provider, a Answer) (refresh, grant time.Time) {
	var body map[string]json.RawMessage
	if p.RefreshLifetimeField != "" || p.GrantLifetimeField != "" {
		_ = a.decode(&body) // readPair has decoded it
	}
	refresh = readEnd(body, p.RefreshLifetimeField, a.ReadAt)
	if refresh.IsZero() && p.GrantIdle > 0 {
		refresh = a.ReadAt.Add(p.GrantIdle)
	}
	return refresh, readEnd(body, p.GrantLifetimeField, a.ReadAt)
}

// readEnd reads the field of an answer that states an end: in seconds from now, or as a
// Unix time in seconds or milliseconds. Zero where it is absent, past, or more than
// maxLifetime away.
func readEnd(body map[string]json.RawMessage, field string, now time.Time) time.Time {
	if field == "" {
		return time.Time{}
	}
	text, _ := textAt(body, field)
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(seconds) {
		return time.Time{}
	}
	seconds = untilUnix(seconds, now)
	if seconds < 1 || seconds > maxLifetime.Seconds() {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds) * time.Second)
}
