package authserver

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// token reads the body only: a token in the URL counts for nothing.
func (s *Server) token(r *http.Request) reply {
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
		return s.redeem(r.PostForm)
	case "refresh_token":
		return s.refresh(r.PostForm)
	case "":
		return invalidRequest("Missing parameter: grant_type")
	default:
		return refuse(http.StatusBadRequest, "unsupported_grant_type", theRequest, "Unsupported grant_type: "+kind)
	}
}

func (s *Server) redeem(form url.Values) reply {
	code := token.NewSecret(form.Get("code"))
	if code.Empty() {
		return invalidRequest("Missing parameter: code")
	}
	now := s.options.Now()
	approval, err := s.codes.Redeem(code, form.Get("redirect_uri"), form.Get("code_verifier"), now)
	if err != nil {
		return invalidGrant(theCode, "Authorization code invalid: "+code.Reveal()+". "+err.Error())
	}
	_, again := s.grants.Live(approval.User)
	pair := s.grants.Consent(approval.User, approval.Scope, now)
	p := s.options.Provider
	entitled := p.offline(approval.Scope) && (!p.OfflineAccess || approval.Offline && (!again || approval.Asked))
	return s.pairReply(pair, pair.ExpiresAt.Sub(pair.IssuedAt), entitled, now)
}

func (s *Server) refresh(form url.Values) reply {
	presented := token.NewSecret(form.Get("refresh_token"))
	if presented.Empty() {
		return invalidRequest("Missing parameter: refresh_token")
	}
	now := s.options.Now()
	pair, outcome := s.grants.Refresh(presented, now)
	s.journal.addRefresh(Event{
		Time:       now,
		User:       s.grants.Owner(presented),
		Outcome:    outcome,
		Presented:  presented.Fingerprint(),
		Issued:     pair.RefreshToken.Fingerprint(),
		Generation: pair.Generation,
	})
	if !outcome.Granted() {
		return invalidGrant(theRefreshToken, "Refresh token invalid: "+presented.Reveal()+". Ask the user to consent again.")
	}
	p := s.options.Provider
	life := pair.ExpiresAt.Sub(pair.IssuedAt)
	if outcome == grant.Unchanged {
		life = pair.ExpiresAt.Sub(now)
	}
	asked := p.RefreshScope == "" || slices.Contains(p.scopes(form.Get("scope")), p.RefreshScope)
	return s.pairReply(pair, life, asked && !p.OfflineAccess, now)
}

// pairReply answers with a pair, and leaves its refresh token out where it is not
// to be given. life is what it says of the access token's: a replay repeats its
// answer word for word, however much of it has passed.
func (s *Server) pairReply(p grant.Pair, life time.Duration, refresh bool, now time.Time) reply {
	access, refreshToken := p.AccessToken.Reveal(), p.RefreshToken.Reveal()
	i := issue{access: &access, expiresIn: int(life.Seconds()), expiresAt: p.ExpiresAt, scope: p.Scope, user: p.User}
	if refresh {
		i.refresh = &refreshToken
	}
	return s.stamp(tokenReply(i), p.User, now)
}

// stamp adds the rate limit's headers, where the provider has any.
func (s *Server) stamp(r reply, user string, now time.Time) reply {
	if !s.options.Provider.RateLimits {
		return r
	}
	return s.quota.stamp(r, user, now)
}
