package campaign

import (
	"strconv"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
)

// Kill is one SIGKILL: from just before it was sent until the process was gone.
type Kill struct{ At, Gone time.Time }

// How long the provider's commit may be from a kill that explains a loss. Before
// it, the request was on its way, and a provider does not notice who hung up.
// After it, the answer was on its way and then the pair on its way to Temporal;
// what is lost later than that was dropped by somebody alive. The margins are for
// a busy machine.
const (
	requestAtMost = halfway + 100*time.Millisecond
	leastGap      = 350 * time.Millisecond
)

// gapAtMost is the longest that a pair may have been on its way to Temporal: the
// longest that any pair of the campaign was that got there, on a machine that was
// busier than the margin allows for.
func gapAtMost(slowest time.Duration) time.Duration { return halfway + max(leastGap, slowest) }

// within finds the kill that fell between the request and the moment when a
// living process would have put the pair somewhere safe.
func within(committed time.Time, kills []Kill, gap time.Duration) (Kill, bool) {
	k, found := next(committed, kills)
	return k, found && k.At.Before(committed.Add(gap))
}

// next finds the first kill that the request, the answer or the pair met.
func next(committed time.Time, kills []Kill) (Kill, bool) {
	for _, k := range kills {
		if k.Gone.After(committed.Add(-requestAtMost)) {
			return k, true
		}
	}
	return Kill{}, false
}

// Cause is what a refresh token was lost to.
type Cause string

const (
	// OnItsWay: killed while the request or the answer was on its way. No client
	// ever had the token.
	OnItsWay Cause = "killed on its way"
	// InHand: killed after the provider had sent its answer.
	InHand Cause = "killed in hand"
	// InOutage: the answer came while the vault took no writes.
	InOutage Cause = "vault outage"
	// Unexplained: there was a copy, or neither a kill nor an outage to blame.
	Unexplained Cause = "unexplained"
)

// aWrite is what storing the refresh token takes: an answer that came so short
// before an outage may still meet it.
const aWrite = 2 * halfwayVault

// cause finds what the pair that the provider committed then was lost to. kept
// says that it is somewhere after all. Who has the answer in hand while the vault
// takes no writes loses it to the outage, whether or not it is killed before the
// outage is over.
func cause(committed time.Time, kept bool, kills []Kill, outages []Outage, gap time.Duration) Cause {
	kill, killed := within(committed, kills, gap)
	switch {
	case kept:
		return Unexplained
	case killed && kill.At.Sub(committed) <= halfway:
		return OnItsWay
	}
	answered := committed.Add(halfway)
	for _, o := range outages {
		if answered.After(o.From.Add(-aWrite)) && answered.Before(o.Until) {
			return InOutage
		}
	}
	if killed {
		return InHand
	}
	return Unexplained
}

// place says where in an account's line a refresh token stands: by consent, then
// by rotation.
type place struct{ consent, rotation int }

func (p place) before(q place) bool {
	return p.consent < q.consent || p.consent == q.consent && p.rotation < q.rotation
}

// places orders an account's refresh tokens as the provider issued them.
// consents are the tokens that consents began with, oldest first.
func places(consents []token.Fingerprint, events []authserver.Event) map[token.Fingerprint]place {
	at := map[token.Fingerprint]place{}
	for i, f := range consents {
		at[f] = place{consent: i}
	}
	for _, e := range events {
		if e.Outcome == grant.Rotated {
			at[e.Issued] = place{at[e.Presented].consent, e.Generation}
		}
	}
	return at
}

// regressed reports whether an older refresh token lies on top of a newer one.
func regressed(versions []keyvault.Version, at map[token.Fingerprint]place) bool {
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
