package system

import (
	"strconv"
	"time"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
)

// Judgement compares the refresh token that the vault holds with the one that
// the provider would take. Neither side is asked to vouch for the other.
type Judgement struct {
	// Generation of the vault's refresh token; 0 for one that was put there by hand.
	Generation  token.Generation
	Fingerprint token.Fingerprint
	// Consented: the provider has a grant in force, whoever holds its token.
	Consented bool
	// Live: the provider would rotate the vault's refresh token.
	Live bool
	// Replayable: it is spent, and the provider would still repeat its answer.
	Replayable bool
	// Expiry of the vault's access token; zero where there is none.
	Expiry time.Time
}

// Lost reports whether a grant is in force of which the vault holds no usable
// refresh token. A consent that a person has revoked is not lost.
func (j Judgement) Lost() bool { return j.Consented && !j.Live && !j.Replayable }

// Judge looks at the vault and at the provider.
func (s *System) Judge() Judgement {
	held := s.Held(Account.Name)
	j := Judgement{
		Fingerprint: token.NewSecret(held).Fingerprint(),
		Consented:   s.Provider.Audit(testenv.UserOf(Account.Name)).Alive(),
		Live:        s.Provider.IsLive(held),
		Replayable:  s.Provider.Replayable(held),
	}
	if versions := s.Vault.Versions(testenv.SecretName(Account.Name, "RefreshToken")); len(versions) > 0 {
		generation, _ := strconv.Atoi(versions[len(versions)-1].Tags["generation"])
		j.Generation = token.Generation(generation)
	}
	if versions := s.Vault.Versions(testenv.SecretName(Account.Name, "AccessToken")); len(versions) > 0 {
		j.Expiry = versions[len(versions)-1].Expires
	}
	return j
}
