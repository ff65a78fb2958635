package authserver

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// profile is the protected resource. Reading it uses the access token, which
// ends the replay of its pair.
func (s *Server) profile(r *http.Request) reply {
	pair, refusal, ok := s.authorize(r)
	if !ok {
		return refusal
	}
	body := map[string]any{"user": map[string]any{"encodedId": pair.User, "displayName": pair.User}}
	return s.stamp(jsonReply(http.StatusOK, body), pair.User, s.options.Now())
}

// introspect tells the state of any access token to whoever bears one (Fitbit's
// Introspect page; RFC 7662). Both are used by that.
func (s *Server) introspect(r *http.Request) reply {
	bearing, refusal, ok := s.authorize(r)
	if !ok {
		return refusal
	}
	now := s.options.Now()
	body := map[string]any{"active": false}
	if pair, err := s.grants.Use(token.NewSecret(r.PostForm.Get("token")), now); err == nil {
		body = map[string]any{
			"active":     true,
			"scope":      pair.Scope,
			"client_id":  s.options.Client.ID,
			"user_id":    pair.User,
			"token_type": "access_token",
			"exp":        pair.ExpiresAt.UnixMilli(),
			"iat":        pair.IssuedAt.UnixMilli(),
		}
	}
	return s.stamp(jsonReply(http.StatusOK, body), bearing.User, now)
}

// revoke ends all tokens of the user; an unknown token is no error (RFC 7009
// section 2.2).
func (s *Server) revoke(r *http.Request) reply {
	field := "token"
	revoked := token.NewSecret(r.PostForm.Get(field))
	switch s.options.Provider.Revocation {
	case ByClient:
		if refusal, ok := s.authenticate(r); !ok {
			return refusal
		}
	case ByAccessToken:
		field = "access_token"
		revoked = token.NewSecret(r.PostForm.Get(field))
	case ByBearer:
		revoked = bearer(r)
	}
	if revoked.Empty() {
		return invalidRequest("Missing parameter: " + field)
	}
	s.grants.Revoke(revoked)
	return textReply(http.StatusOK, "application/json;charset=UTF-8", "")
}

// authorize checks the bearer token and takes one call off the user's quota.
func (s *Server) authorize(r *http.Request) (grant.Pair, reply, bool) {
	now, access := s.options.Now(), bearer(r)
	pair, err := s.grants.Use(access, now)
	switch {
	case errors.Is(err, grant.ErrExpired):
		return pair, refuse(http.StatusUnauthorized, "expired_token", theRequest, "Access token expired: "+access.Reveal()), false
	case err != nil:
		return pair, refuse(http.StatusUnauthorized, "invalid_token", theRequest, "Access token invalid: "+access.Reveal()), false
	case !s.quota.take(pair.User, now):
		return pair, s.quota.exceeded(pair.User, now), false
	}
	return pair, reply{}, true
}

// hourlyCalls is how many API calls a user has per clock hour (Fitbit's Rate
// Limits page).
const hourlyCalls = 150

const (
	rateLimitLimit     = "Fitbit-Rate-Limit-Limit"
	rateLimitRemaining = "Fitbit-Rate-Limit-Remaining"
	rateLimitReset     = "Fitbit-Rate-Limit-Reset"
)

// quota is what each user has spent of the hour.
type quota map[string]spending

type spending struct {
	hour  time.Time
	calls int
}

// take counts one API call and reports whether the user may make it.
func (q quota) take(user string, now time.Time) bool {
	spent := q.at(user, now)
	spent.calls++
	q[user] = spent
	return spent.calls <= hourlyCalls
}

// stamp puts the user's rate-limit headers on an answer.
func (q quota) stamp(r reply, user string, now time.Time) reply {
	spent := q.at(user, now)
	reset := spent.hour.Add(time.Hour).Sub(now).Round(time.Second)
	r.header = r.header.Clone()
	r.header.Set(rateLimitLimit, strconv.Itoa(hourlyCalls))
	r.header.Set(rateLimitRemaining, strconv.Itoa(max(hourlyCalls-spent.calls, 0)))
	r.header.Set(rateLimitReset, seconds(Duration(reset)))
	return r
}

func (q quota) exceeded(user string, now time.Time) reply {
	return q.stamp(refuse(http.StatusTooManyRequests, "system", theRequest, "Too Many Requests"), user, now)
}

func (q quota) at(user string, now time.Time) spending {
	hour := now.Truncate(time.Hour)
	if spent := q[user]; spent.hour.Equal(hour) {
		return spent
	}
	return spending{hour: hour}
}
