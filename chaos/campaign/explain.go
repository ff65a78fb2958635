package campaign

import "time"

// explain gives every loss its cause, once it is known how long the slowest pair
// was on its way.
func (c *campaign) explain(slowest time.Duration) {
	w := windowFor(slowest)
	c.count(func(r *Report) {
		for i := range r.Losses {
			l := &r.Losses[i]
			around := amid{answerLost: l.answerLost, vault: c.outages}
			if c.options.Target != Baseline {
				around.ended, around.temporal = l.ended, c.temporalAway
			}
			l.Cause = w.causeAmid(l.committed, l.kept, c.kills, around)
			if kill, killed := w.killAfter(l.committed, c.kills); killed {
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
