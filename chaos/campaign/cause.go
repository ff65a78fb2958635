package campaign

import (
	"strconv"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
)

// Margins around the provider's commit in which a kill explains a loss. Before
// it, the request was on its way, and a provider does not notice that its client
// is gone. After it, the answer was on its way and then the pair on its way to
// Temporal; what is lost later was dropped by a living process.
const (
	requestMargin = 100 * time.Millisecond
	pairMargin    = 350 * time.Millisecond
)

// window is how long before and after the provider's commit a kill explains a loss.
type window struct{ before, after time.Duration }

// windowFor widens the margins by the longest that any pair of the campaign took
// to get to Temporal, on a machine that was busier than they allow for.
func windowFor(slowest time.Duration) window {
	return window{before: halfway + max(requestMargin, slowest), after: halfway + max(pairMargin, slowest)}
}

// killAfter finds the first kill that the request, the answer or the pair met.
func (w window) killAfter(committed time.Time, kills []Kill) (Kill, bool) {
	for _, k := range kills {
		if k.Gone.After(committed.Add(-w.before)) {
			return k, true
		}
	}
	return Kill{}, false
}

// Cause is what a refresh token was lost to.
type Cause string

const (
	// OnItsWay: killed while the request or the answer was on its way.
	OnItsWay Cause = "killed on its way"
	// InHand: killed after the provider had sent its answer.
	InHand Cause = "killed in hand"
	// InOutage: the answer came while the vault took no writes.
	InOutage Cause = "vault outage"
	// Unexplained: there was a copy, or neither a kill nor an outage to blame.
	Unexplained Cause = "unexplained"
)

// writeTakes is how long storing the refresh token takes: an answer that came so
// short before an outage may still meet it.
const writeTakes = 2 * halfwayVault

// cause finds what the pair that the provider committed then was lost to. kept:
// there is a copy outside the vault. A process with the answer in hand while the
// vault takes no writes loses it to the outage, killed before its end or not.
func (w window) cause(committed time.Time, kept bool, kills []Kill, outages []Outage) Cause {
	kill, killed := w.killAfter(committed, kills)
	killed = killed && kill.At.Before(committed.Add(w.after))
	switch {
	case kept:
		return Unexplained
	case killed && kill.At.Sub(committed) <= halfway:
		return OnItsWay
	}
	answered := committed.Add(halfway)
	for _, o := range outages {
		if answered.After(o.From.Add(-writeTakes)) && answered.Before(o.Until) {
			return InOutage
		}
	}
	if killed {
		return InHand
	}
	return Unexplained
}

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
		if err != nil {
			continue // put there by hand, and not loaded yet
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
