package protocol

import (
	"time"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// fence is the product's verdict on a refresh token that wants to be written.
func (m Model) fence(held, issued Token) vault.Decision {
	if !m.Fence {
		return vault.Write
	}
	return vault.FenceRefresh(provenance(held), true, provenance(issued))
}

// fenceAccess is the product's verdict on an access token.
func (m Model) fenceAccess(held, issued Token) vault.Decision {
	if held == none || !m.Fence {
		return vault.Write
	}
	of := provenance(held)
	there := vault.AccessTokenInfo{Generation: of.Generation, Fingerprint: of.Fingerprint, Tagged: true}
	return vault.FenceAccess(there, provenance(issued), provenance(issued).Fingerprint, time.Time{})
}

// provenance is a token's place in the one line that the model knows.
func provenance(t Token) token.Provenance {
	const fingerprints = "0123"
	p := token.Provenance{
		Generation:  token.Generation(t),
		Fingerprint: token.Fingerprint(fingerprints[t : t+1]),
		Consent:     token.Fingerprint(fingerprints[:1]),
	}
	if t > 0 {
		p.Parent = token.Fingerprint(fingerprints[t-1 : t])
	}
	return p
}
