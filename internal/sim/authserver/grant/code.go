package grant

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"tokenkeeper/internal/token"
)

// CodeLifetime is how long an authorization code can be redeemed (Fitbit's
// OAuth2 Token page: ten minutes).
const CodeLifetime = 10 * time.Minute

// Why a code is not redeemed.
var (
	ErrCode     = errors.New("unknown, expired or already redeemed")
	ErrRedirect = errors.New("redirect_uri differs from the one of the authorization request")
	ErrVerifier = errors.New("code_verifier does not match the code_challenge")
)

// Approval is what a user has agreed to.
type Approval struct {
	User  string
	Scope string
	// RedirectURI as the authorization request gave it; empty when it gave none.
	RedirectURI string
	// Challenge is the PKCE code challenge (RFC 7636); empty without PKCE.
	Challenge string
	// S256: Challenge is the hash of the verifier. Otherwise it is the
	// verifier itself, the method "plain".
	S256 bool
	// Offline: access_type=offline was in the request, and Asked prompt=consent.
	Offline, Asked bool
}

// Codes are the authorization codes that wait to be redeemed.
type Codes struct {
	newCode func() token.Secret
	waiting map[token.Secret]waiting
}

type waiting struct {
	Approval
	until time.Time
}

// NewCodes makes an empty set. newCode must never return the same value twice.
func NewCodes(newCode func() token.Secret) *Codes {
	return &Codes{newCode: newCode, waiting: map[token.Secret]waiting{}}
}

// Issue returns the code that stands for the approval.
func (c *Codes) Issue(a Approval, now time.Time) token.Secret {
	code := c.newCode()
	c.waiting[code] = waiting{a, now.Add(CodeLifetime)}
	return code
}

// Owner is the user who approved a code that is still waiting.
func (c *Codes) Owner(code token.Secret) string { return c.waiting[code].User }

// Redeem spends the code, whether or not the rest of the request fits: a code
// works once, and a wrong guess at the verifier is not a free one. It returns
// ErrCode, ErrRedirect or ErrVerifier.
func (c *Codes) Redeem(code token.Secret, redirectURI, verifier string, now time.Time) (Approval, error) {
	w, ok := c.waiting[code]
	delete(c.waiting, code)
	switch {
	case !ok || !now.Before(w.until):
		return Approval{}, ErrCode
	case w.RedirectURI != redirectURI:
		return Approval{}, ErrRedirect
	case !verified(w.Approval, verifier):
		return Approval{}, ErrVerifier
	}
	return w.Approval, nil
}

// verified follows RFC 7636 section 4.6. A verifier without a challenge is
// refused as well (RFC 9700 section 2.1.1, PKCE downgrade).
func verified(a Approval, verifier string) bool {
	if !a.S256 || a.Challenge == "" {
		return verifier == a.Challenge
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == a.Challenge
}
