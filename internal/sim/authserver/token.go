package authserver

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// token reads the body only: a token in the URL is ignored.
func (s *Server) token(r *http.Request) reply {
	if refusal, beyond := s.beyondLimit(); beyond {
		return refusal
	}
	if refusal, again := s.tooSoon(r.PostForm); again {
		return refusal
	}
	if refusal, ok := s.authenticate(r); !ok {
		return refusal
	}
	for field, want := range s.options.Provider.TokenForm {
		if r.PostForm.Get(field) != want {
			return invalidRequest("invalid " + field)
		}
	}
	switch kind := r.PostForm.Get("grant_type"); kind {
	case "authorization_code":
		return s.redeem(r)
	case "refresh_token":
		return s.refresh(r)
	case "":
		return invalidRequest("Missing parameter: grant_type")
	default:
		return refuse(http.StatusBadRequest, "unsupported_grant_type", theRequest, "Unsupported grant_type: "+kind)
	}
}

func (s *Server) redeem(r *http.Request) reply {
	form := r.PostForm
	code := token.NewSecret(form.Get("code"))
	if code.Empty() {
		return invalidRequest("Missing parameter: code")
	}
	now := s.now()
	approval, err := s.codes.Redeem(code, form.Get("redirect_uri"), form.Get("code_verifier"), now)
	if err != nil {
		return invalidGrant(theCode, "Authorization code invalid: "+code.Reveal()+". "+err.Error())
	}
	_, again := s.grants.Live(approval.User)
	pair := s.grants.Consent(approval.User, approval.Scope, now)
	p := s.options.Provider
	entitled := p.offline(approval.Scope) && p.offlineForm(form) &&
		(p.OfflineParam == "" || approval.Offline) && (!p.AsksAgain || !again || approval.Asked)
	return s.pairReply(r, pair, pair.ExpiresAt.Sub(pair.IssuedAt), entitled)
}

func (s *Server) refresh(r *http.Request) reply {
	form := r.PostForm
	presented := token.NewSecret(form.Get("refresh_token"))
	if presented.Empty() {
		return invalidRequest("Missing parameter: refresh_token")
	}
	now := s.now()
	pair, outcome := s.grants.Refresh(presented, now)
	s.journal.addRefresh(Event{
		Time:       now,
		User:       s.grants.Owner(presented),
		Outcome:    outcome,
		Presented:  presented.Fingerprint(),
		Issued:     pair.RefreshToken.Fingerprint(),
		Generation: pair.Generation,
	})
	if outcome == grant.OverLimit {
		return refuse(http.StatusBadRequest, "too_many_tokens", theRequest, "Too many unrevoked access tokens exist for this app and user")
	}
	if !outcome.Granted() {
		return invalidGrant(theRefreshToken, "Refresh token invalid: "+presented.Reveal()+". Ask the user to consent again.")
	}
	p := s.options.Provider
	life := pair.ExpiresAt.Sub(pair.IssuedAt)
	if outcome == grant.Unchanged {
		life = pair.ExpiresAt.Sub(now)
	}
	asked := p.RefreshScope == "" || slices.Contains(p.scopes(form.Get("scope")), p.RefreshScope)
	rotates := outcome == grant.Rotated || outcome == grant.Replayed
	return s.pairReply(r, pair, life, asked && (rotates || !p.OmitsKept))
}

// pairReply answers with a pair, without its refresh token where refresh is false.
// life is the answer's expires_in: a replay repeats its answer word for word, although
// time has passed.
func (s *Server) pairReply(r *http.Request, p grant.Pair, life time.Duration, refresh bool) reply {
	access, refreshToken := p.AccessToken.Reveal(), p.RefreshToken.Reveal()
	i := issue{access: &access, expiresIn: int(life.Seconds()), expiresAt: p.ExpiresAt, issuedAt: p.IssuedAt, scope: p.Scope, user: p.User}
	if refresh {
		i.refresh = &refreshToken
	}
	if !p.RefreshEnds.IsZero() {
		i.refreshIn = int(p.RefreshEnds.Sub(p.IssuedAt).Seconds())
	}
	if asks := s.options.Provider.GrantLifeHeader; !p.GrantEnds.IsZero() && (asks == "" || r.Header.Get(asks) == "true") {
		i.grantIn = int(p.GrantEnds.Sub(p.IssuedAt).Seconds())
	}
	return s.stamp(tokenReply(i), p.User, s.now())
}

// stamp adds the rate limit's headers, where the provider has any.
func (s *Server) stamp(r reply, user string, now time.Time) reply {
	if !s.options.Provider.RateLimits {
		return r
	}
	return s.quota.stamp(r, user, now)
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

// profile is the protected resource. Reading it uses the access token, which
// ends the replay of its pair.
func (s *Server) profile(r *http.Request) reply {
	pair, refusal, ok := s.useBearer(r)
	if !ok {
		return refusal
	}
	body := map[string]any{"user": map[string]any{"encodedId": pair.User, "displayName": pair.User}}
	return s.stamp(jsonReply(http.StatusOK, body), pair.User, s.now())
}

// useBearer uses the access token that the request bears, and one call of the user's
// quota.
func (s *Server) useBearer(r *http.Request) (grant.Pair, reply, bool) {
	now, access := s.now(), bearer(r)
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

// quota is what each user has used of the hour.
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
