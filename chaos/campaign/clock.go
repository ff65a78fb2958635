package campaign

import "time"

// clock is the provider's. It can run faster than the wall's, so that a cron of
// seconds stands for one of hours.
type clock struct {
	start time.Time
	speed int // provider's seconds per second
}

func (c clock) now() time.Time {
	return c.start.Add(time.Since(c.start) * time.Duration(c.speed))
}

// wall is when the provider's clock showed t.
func (c clock) wall(t time.Time) time.Time {
	return c.start.Add(t.Sub(c.start) / time.Duration(c.speed))
}
