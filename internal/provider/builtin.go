package provider

import "time"

// Builtin is the table without a providers file. A further provider is one more literal
// in the file of its kind, its expectations in builtin_test.go, and its rows in
// docs/providers.md.
//
// A row states what its Source says and nothing else. Reuse is empty where the source is
// silent, and Source.Unverified then says so. A ReplayWindow is never longer than what is
// documented. Where the provider repeats an answer "until the new token is used" and names
// no time, or one of weeks, it is the access token's life: while the window of a lost answer is
// open, another answer that is not understood counts as a passing fault, so that a long one
// would hide a dead grant.
func Builtin() Table {
	t := Table{byName: map[string]Provider{}}
	for _, rows := range [][]Provider{healthRows(), businessRows(), developerRows(), contentRows()} {
		for _, p := range rows {
			t.byName[p.Name] = p
		}
	}
	return t
}

// readOn is the day on which the built-in rows were compared with their sources.
const readOn = "2026-11-26"

// day and sixMonths are for lifetimes that a source gives in days or months; six months
// have at least 181 days.
const (
	day       = 24 * time.Hour
	sixMonths = 181 * day
)
