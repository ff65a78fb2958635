package provider

import "time"

// Period is how often to refresh: after at most three quarters of the access
// token's documented life, which leaves time for another try, and at least once a
// day, because unused refresh tokens lapse. Where only the last part of that life
// gets another token, it is three quarters of that part, which no longer period
// could hit. Nor is it more than that of a refresh token's life without a refresh. It
// divides an hour or a day evenly and is at least a minute.
func (p Provider) Period() time.Duration {
	useful := p.AccessTokenLifetime
	if p.RenewsWithin > 0 {
		useful = min(useful, p.RenewsWithin)
	}
	if p.GrantIdle > 0 {
		useful = min(useful, p.GrantIdle)
	}
	for _, period := range periods {
		if period <= useful*3/4 {
			return period
		}
	}
	return time.Minute
}

// periods divide an hour or a day evenly, so that a cron keeps them without a
// jump; the longest first.
var periods = []time.Duration{
	24 * time.Hour, 12 * time.Hour, 8 * time.Hour, 6 * time.Hour, 4 * time.Hour, 3 * time.Hour, 2 * time.Hour, time.Hour,
	30 * time.Minute, 20 * time.Minute, 15 * time.Minute, 12 * time.Minute, 10 * time.Minute, 6 * time.Minute, 5 * time.Minute,
	4 * time.Minute, 3 * time.Minute, 2 * time.Minute,
}

// longestAlive bounds AlivePeriod. A grant that has died is noticed within a day, ends that
// no page documents are kept off, and Temporal still has the history of the run before: the
// shortest retention that a namespace can have is a day.
const longestAlive = 24 * time.Hour

// aliveTries is into how many parts AlivePeriod divides a grant's life without a refresh:
// where one refresh fails, two more tries fall into that life.
const aliveTries = 4

// AlivePeriod is how often to refresh a grant whose access token nothing reads: by what the
// grant needs, not by the access token's life. At least three tries fall into a grant's life
// without a refresh, and it is at most a day. Where only the last part of an access token's
// life gets another token and that life is longer than this, the period is Period, which
// hits that part. It is never shorter than Period.
func (p Provider) AlivePeriod() time.Duration {
	fresh, longest := p.Period(), longestAlive
	if p.GrantIdle > 0 {
		longest = min(longest, p.GrantIdle/aliveTries)
	}
	if p.RenewsWithin > 0 && p.AccessTokenLifetime > longest {
		return fresh
	}
	for _, period := range periods {
		if period <= longest {
			return max(period, fresh)
		}
	}
	return fresh
}
