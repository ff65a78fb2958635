package main

import (
	"fmt"
	"time"
)

// perSecond is the rate that a period is chosen for, unless another is asked for: below the
// pace that the worker has by default, and below what a server on two cores does, so that
// what an outage holds up is caught up.
const perSecond = 9

// plan says when which account is due.
type plan struct {
	accounts int
	period   time.Duration // a number of minutes that divides an hour
	burst    bool
	minute   int // of the hour, for a burst
	started  time.Time
}

// newPlan chooses the shortest period of whole minutes at which no more than the rate
// are due in a second on the average; an hour at most.
func newPlan(o options, now time.Time) plan {
	p := plan{accounts: o.accounts, burst: o.burst}
	if o.burst {
		p.period = time.Hour
		// Late enough that all crons are started by then, at some 50 a second.
		p.minute = now.Add(2*time.Minute + time.Duration(o.accounts/50)*time.Second).UTC().Minute()
		return p
	}
	for _, minutes := range []int{1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60} {
		p.period = time.Duration(minutes) * time.Minute
		if float64(o.accounts)/p.period.Seconds() <= o.rate {
			break
		}
	}
	return p
}

// offset is the minute of an account within the period.
func (p plan) offset(i int) int {
	if p.burst {
		return p.minute
	}
	return i % int(p.period.Minutes())
}

// expression is the account's cron.
func (p plan) expression(i int) string {
	if p.period == time.Hour {
		return fmt.Sprintf("%d * * * *", p.offset(i))
	}
	return fmt.Sprintf("%d-59/%d * * * *", p.offset(i), int(p.period.Minutes()))
}

// dueAfter is the first moment after another one, and after the start, at which the
// account is due.
func (p plan) dueAfter(i int, t time.Time) time.Time {
	if t.Before(p.started) {
		t = p.started
	}
	due := t.UTC().Truncate(time.Hour).Add(time.Duration(p.offset(i))*time.Minute - time.Hour)
	for !due.After(t) {
		due = due.Add(p.period)
	}
	return due
}
