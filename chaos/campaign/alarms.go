package campaign

import "time"

// alarm is a run that has ended because it saw no refresh token that is good.
type alarm struct {
	account, run string
	// looked is when the run began to read the vault for the last time. A run that was
	// reset goes on with what its predecessor has read.
	looked, ended time.Time
}

// falseAlarms are those of runs that no loss explains: of their account a token was
// lost before they ended, and they had not read the consent that replaced it.
func falseAlarms(alarms []alarm, losses []Loss) (unfounded []alarm) {
	for _, a := range alarms {
		founded := false
		for _, l := range losses {
			replacedBefore := !l.consented.IsZero() && l.consented.Before(a.looked)
			founded = founded || l.Account == a.account && l.committed.Before(a.ended) && !replacedBefore
		}
		if !founded {
			unfounded = append(unfounded, a)
		}
	}
	return unfounded
}

// judgeAlarms counts the false ones, once all losses are known.
func (c *campaign) judgeAlarms() {
	c.count(func(r *Report) {
		for _, a := range falseAlarms(c.alarms, r.Losses) {
			c.logf("%s asks for a consent although nothing is lost: run %s", a.account, a.run)
			r.FalseAlarms++
		}
	})
}
