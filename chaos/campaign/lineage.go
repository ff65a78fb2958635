package campaign

import (
	"strconv"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
)

// position is a refresh token's in the line of its account: by consent, then by
// rotation.
type position struct{ consent, rotation int }

func (p position) before(q position) bool {
	return p.consent < q.consent || p.consent == q.consent && p.rotation < q.rotation
}

// positions orders an account's refresh tokens as the provider issued them.
// consents are the tokens that consents began with, oldest first.
func positions(consents []token.Fingerprint, events []authserver.Event) map[token.Fingerprint]position {
	at := map[token.Fingerprint]position{}
	for i, f := range consents {
		at[f] = position{consent: i}
	}
	for _, e := range events {
		if e.Outcome == grant.Rotated {
			at[e.Issued] = position{at[e.Presented].consent, e.Generation}
		}
	}
	return at
}

// regressed reports whether an older refresh token lies on top of a newer one.
func regressed(versions []keyvault.Version, at map[token.Fingerprint]position) bool {
	if len(versions) == 0 {
		return false
	}
	top := at[fingerprint(versions[len(versions)-1])]
	for _, v := range versions {
		if top.before(at[fingerprint(v)]) {
			return true
		}
	}
	return false
}

// duplicated counts the generations that two different refresh tokens claim.
func duplicated(versions []keyvault.Version) int {
	claims := map[int]map[token.Fingerprint]bool{}
	for _, v := range versions {
		g, err := strconv.Atoi(v.Tags["generation"])
		if err != nil || v.Tags["promoted-for"] != "" {
			continue // put there by hand and not loaded yet, or in place of the dead token of that number
		}
		if claims[g] == nil {
			claims[g] = map[token.Fingerprint]bool{}
		}
		claims[g][fingerprint(v)] = true
	}
	count := 0
	for _, tokens := range claims {
		if len(tokens) > 1 {
			count++
		}
	}
	return count
}

func fingerprint(v keyvault.Version) token.Fingerprint {
	return token.NewSecret(v.Value).Fingerprint()
}
