package entra

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // a thumbprint of RFC 7515, 4.1.7
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// checkAssertion verifies a JWT that a certificate has signed ("Microsoft identity platform
// application authentication certificate credentials").
func (a Application) checkAssertion(assertion string) refusal {
	unknown := refusal{http.StatusUnauthorized, "invalid_client", 700027, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]"}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return unknown
	}
	var header struct {
		Alg    string
		SHA1   string `json:"x5t"`
		SHA256 string `json:"x5t#S256"`
	}
	var claims struct {
		Aud, Iss, Sub string
		Nbf, Exp      int64
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !decode(parts[0], &header) || !decode(parts[1], &claims) {
		return unknown
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	for _, c := range a.Certificates {
		one, two := sha1.Sum(c.Raw), sha256.Sum256(c.Raw)
		if !matches(header.SHA1, one[:]) && !matches(header.SHA256, two[:]) {
			continue
		}
		key, ok := c.PublicKey.(*rsa.PublicKey)
		if !ok || !verify(header.Alg, key, sum[:], signature) {
			return refusal{http.StatusUnauthorized, "invalid_client", 700027, "Client assertion failed signature validation."}
		}
		switch now := time.Now(); {
		case now.After(c.NotAfter):
			return refusal{http.StatusUnauthorized, "invalid_client", 1000502, "The provided certificate is not within its specified validity window."}
		case now.Unix() < claims.Nbf-300 || now.Unix() > claims.Exp:
			return refusal{http.StatusUnauthorized, "invalid_client", 700024, "Client assertion is not within its valid time range."}
		case claims.Iss != a.ClientID || claims.Sub != a.ClientID || !strings.Contains(claims.Aud, a.TenantID):
			return refusal{http.StatusUnauthorized, "invalid_client", 700021, "Client assertion application identifier doesn't match 'client_id' parameter."}
		}
		return refusal{}
	}
	return unknown
}

func decode(part string, into any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, into) == nil
}

func matches(thumbprint string, sum []byte) bool {
	return thumbprint != "" && (thumbprint == base64.RawURLEncoding.EncodeToString(sum) || thumbprint == base64.StdEncoding.EncodeToString(sum) || strings.EqualFold(thumbprint, fmt.Sprintf("%x", sum)))
}

func verify(alg string, key *rsa.PublicKey, sum, signature []byte) bool {
	switch alg {
	case "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, sum, signature, nil) == nil
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum, signature) == nil
	}
	return false
}
