package authserver

import (
	"net/http"
	"strconv"
	"time"
)

// hourlyCalls is how many API calls a user has per clock hour (Fitbit's Rate
// Limits page).
const hourlyCalls = 150

const (
	rateLimitLimit     = "Fitbit-Rate-Limit-Limit"
	rateLimitRemaining = "Fitbit-Rate-Limit-Remaining"
	rateLimitReset     = "Fitbit-Rate-Limit-Reset"
)

// quota is what each user has spent of the hour.
type quota map[string]spending

type spending struct {
	hour  time.Time
	calls int
}

// take counts one API call and reports whether the user may make it.
func (q quota) take(user string, now time.Time) bool {
	spent := q.at(user, now)
	spent.calls++
	q[user] = spent
	return spent.calls <= hourlyCalls
}

// stamp puts the user's rate-limit headers on an answer.
func (q quota) stamp(r reply, user string, now time.Time) reply {
	spent := q.at(user, now)
	reset := spent.hour.Add(time.Hour).Sub(now).Round(time.Second)
	r.header = r.header.Clone()
	r.header.Set(rateLimitLimit, strconv.Itoa(hourlyCalls))
	r.header.Set(rateLimitRemaining, strconv.Itoa(max(hourlyCalls-spent.calls, 0)))
	r.header.Set(rateLimitReset, seconds(Duration(reset)))
	return r
}

func (q quota) exceeded(user string, now time.Time) reply {
	return q.stamp(refuse(http.StatusTooManyRequests, "system", theRequest, "Too Many Requests"), user, now)
}

func (q quota) at(user string, now time.Time) spending {
	hour := now.Truncate(time.Hour)
	if spent := q[user]; spent.hour.Equal(hour) {
		return spent
	}
	return spending{hour: hour}
}
