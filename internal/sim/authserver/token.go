package authserver

import (
	"net/http"
	"net/url"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// tokenResponse is the token endpoint's success (Fitbit's OAuth2 Token page).
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope,omitempty"`
	TokenType    string `json:"token_type"`
	UserID       string `json:"user_id"`
}

// token reads the body only: a token in the URL counts for nothing.
func (s *Server) token(r *http.Request) reply {
	if refusal, ok := s.authenticate(r); !ok {
		return refusal
	}
	switch kind := r.PostForm.Get("grant_type"); kind {
	case "authorization_code":
		return s.redeem(r.PostForm)
	case "refresh_token":
		return s.refresh(r.PostForm)
	case "":
		return invalidRequest("Missing parameter: grant_type")
	default:
		return errorReply(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant_type: "+kind)
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
		return invalidGrant("Authorization code invalid: " + code.Reveal() + ". " + err.Error())
	}
	return s.pairReply(s.book.Consent(approval.User, approval.Scope, now), now)
}

func (s *Server) refresh(form url.Values) reply {
	presented := token.NewSecret(form.Get("refresh_token"))
	if presented.Empty() {
		return invalidRequest("Missing parameter: refresh_token")
	}
	now := s.options.Now()
	pair, outcome := s.book.Refresh(presented, now)
	s.journal.refresh(Event{
		Time:       now,
		User:       s.book.Owner(presented),
		Outcome:    outcome,
		Presented:  presented.Fingerprint(),
		Issued:     pair.RefreshToken.Fingerprint(),
		Generation: pair.Generation,
	})
	if !outcome.Granted() {
		return invalidGrant("Refresh token invalid: " + presented.Reveal() + ". Ask the user to consent again.")
	}
	return s.pairReply(pair, now)
}

// pairReply does not look at how much of the access token's life is left: a
// replay repeats the answer word for word.
func (s *Server) pairReply(p grant.Pair, now time.Time) reply {
	return s.quota.stamp(jsonReply(http.StatusOK, tokenResponse{
		AccessToken:  p.AccessToken.Reveal(),
		ExpiresIn:    int(p.ExpiresAt.Sub(p.IssuedAt).Seconds()),
		RefreshToken: p.RefreshToken.Reveal(),
		Scope:        p.Scope,
		TokenType:    "Bearer",
		UserID:       p.User,
	}), p.User, now)
}
