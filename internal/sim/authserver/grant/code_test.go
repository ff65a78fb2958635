package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// The verifier and its S256 challenge are RFC 7636's own example (appendix B).
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestRedeem(t *testing.T) {
	const uri = "http://127.0.0.1:8080/callback"
	cases := []struct {
		name          string
		approval      grant.Approval
		uri, verifier string
		after         time.Duration
		want          error
	}{
		{"S256", grant.Approval{RedirectURI: uri, Challenge: challenge, S256: true}, uri, verifier, 0, nil},
		{"plain", grant.Approval{RedirectURI: uri, Challenge: verifier}, uri, verifier, 0, nil},
		{"no PKCE", grant.Approval{RedirectURI: uri}, uri, "", 0, nil},
		{"no redirect_uri on either side", grant.Approval{}, "", "", 0, nil},
		{"the last moment", grant.Approval{}, "", "", grant.CodeLifetime - 1, nil},
		{"too late", grant.Approval{}, "", "", grant.CodeLifetime, grant.ErrCode},
		{"another redirect_uri", grant.Approval{RedirectURI: uri}, uri + "/", "", 0, grant.ErrRedirect},
		{"missing redirect_uri", grant.Approval{RedirectURI: uri}, "", "", 0, grant.ErrRedirect},
		{"wrong verifier", grant.Approval{Challenge: challenge, S256: true}, "", "guess", 0, grant.ErrVerifier},
		{"missing verifier", grant.Approval{Challenge: challenge, S256: true}, "", "", 0, grant.ErrVerifier},
		{"S256 challenge sent without the method is plain", grant.Approval{Challenge: challenge}, "", verifier, 0, grant.ErrVerifier},
		{"verifier without a challenge", grant.Approval{S256: true}, "", verifier, 0, grant.ErrVerifier},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.approval.User = "FAKE01"
			codes := grant.NewCodes(counter())
			code := codes.Issue(c.approval, epoch)
			require.Equal(t, "FAKE01", codes.Owner(code))
			got, err := codes.Redeem(code, c.uri, c.verifier, epoch.Add(c.after))
			require.ErrorIs(t, err, c.want)
			if c.want == nil {
				require.Equal(t, c.approval, got)
			}
			_, err = codes.Redeem(code, c.uri, c.verifier, epoch)
			require.ErrorIs(t, err, grant.ErrCode, "a code works once, also after a failed attempt")
		})
	}
}

func TestUnknownCodeIsRefused(t *testing.T) {
	_, err := grant.NewCodes(counter()).Redeem(token.NewSecret("fake-code"), "", "", epoch)
	require.ErrorIs(t, err, grant.ErrCode)
}
