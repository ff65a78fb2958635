package campaign

import (
	"fmt"
	"slices"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

// Loss is one refresh token that was lost.
type Loss struct {
	Account     string            `json:"account"`
	Issued      token.Fingerprint `json:"issued"`
	KilledAfter float64           `json:"killed_after_ms"` // the provider's commit; negative for a request on its way
	Cause       Cause             `json:"cause"`
	Detected    bool              `json:"detected"`
	// Story is what the provider answered and the operator did from the commit on,
	// with the seconds since; of a campaign with an operator.
	Story []string `json:"story,omitempty"`

	committed  time.Time
	sent       time.Time   // when the provider's answer went out; zero for never
	kept       bool        // somewhere other than in the vault
	answerLost bool        // a fault withheld the provider's answer
	ended      []time.Time // when an operator took a run of the account from its worker
	consented  time.Time   // when the account had a new token; zero for never
}

// explain gives every loss its cause, once it is known how long the slowest pair
// was on its way.
func (c *campaign) explain(slowest time.Duration) {
	w := windowFor(slowest, c.options.Operations > 0)
	c.count(func(r *Report) {
		for i := range r.Losses {
			l := &r.Losses[i]
			around := amid{answerLost: l.answerLost, vault: c.outages}
			if c.options.Target != Baseline {
				around.ended, around.temporal = l.ended, c.temporalAway
			}
			w := w.sent(l.committed, l.sent)
			l.Cause = w.causeAmid(l.committed, l.kept, c.kills, around)
			if kill, killed := w.killOf(l.committed, c.kills); killed {
				l.KilledAfter = float64(kill.At.Sub(l.committed).Microseconds()) / 1000
			}
			*r.lostTo(l.Cause)++
		}
	})
}

// lostTo is the report's count of a cause.
func (r *Report) lostTo(cause Cause) *int {
	switch cause {
	case OnItsWay:
		return &r.LostOnItsWay
	case InHand:
		return &r.LostInHand
	case InOutage:
		return &r.LostInOutage
	case AnswerLost:
		return &r.LostAnswer
	case RunEnded:
		return &r.LostRunEnded
	case ServerAway:
		return &r.LostServerAway
	default:
		return &r.Unexplained
	}
}

// story tells what happened to an account since a commit: what the provider was
// asked for and answered, and what an operator did. Times at the provider are by its clock.
func story(committed time.Time, events []authserver.Event, clock clock, deeds []deed) []string {
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	for _, e := range events {
		text := "provider: " + string(e.Outcome)
		if e.Lost {
			text += ", answer withheld"
		}
		lines = append(lines, line{clock.wall(e.Time), text})
	}
	for _, d := range deeds {
		lines = append(lines, line{d.at, "operator: " + string(d.what)})
	}
	lines = slices.DeleteFunc(lines, func(l line) bool { return l.at.Before(committed) })
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	var told []string
	for _, l := range lines {
		told = append(told, fmt.Sprintf("+%.1f %s", l.at.Sub(committed).Seconds(), l.text))
	}
	return told
}
