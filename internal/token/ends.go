package token

import "time"

// ConsentEnds is when the account owner must have consented again, should nothing be
// refreshed any more: the earlier one of the two ends that are known. Zero: none is.
func (i Issue) ConsentEnds() time.Time {
	if i.GrantEnds.IsZero() || !i.RefreshEnds.IsZero() && i.RefreshEnds.Before(i.GrantEnds) {
		return i.RefreshEnds
	}
	return i.GrantEnds
}
