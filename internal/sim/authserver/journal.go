package authserver

import (
	"maps"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// Event is one refresh token presented at the token endpoint.
type Event struct {
	Time time.Time `json:"time"`
	// User is empty when the token was never issued.
	User      string            `json:"user,omitempty"`
	Outcome   grant.Outcome     `json:"outcome"`
	Presented token.Fingerprint `json:"presented"`
	// Issued is the refresh token of the answer; empty when it was refused.
	Issued token.Fingerprint `json:"issued,omitempty"`
	// Generation of the issued token: rotations since the consent.
	Generation int `json:"generation,omitempty"`
}

// Counts are since the start.
type Counts struct {
	// Refreshes that issued something, whether or not the answer arrived.
	Refreshes int `json:"refreshes"`
	// Replays are answers given once more.
	Replays int `json:"replays"`
	// Reuses are spent tokens refused.
	Reuses int `json:"reuses"`
	// Refusals are tokens refused for another reason: never issued, or of a
	// grant that has ended.
	Refusals int `json:"refusals"`
	// Calls that arrived, by endpoint, whatever became of them.
	Calls map[Endpoint]int `json:"calls"`
}

// Stats are the counts of all calls, and by user of those that named one.
type Stats struct {
	Total Counts            `json:"total"`
	Users map[string]Counts `json:"users"`
}

type journal struct {
	events []Event
	total  *Counts
	users  map[string]*Counts
}

func newJournal() journal {
	return journal{total: newCounts(), users: map[string]*Counts{}}
}

func newCounts() *Counts { return &Counts{Calls: map[Endpoint]int{}} }

func (j *journal) call(e Endpoint, user string) {
	for _, c := range j.counts(user) {
		c.Calls[e]++
	}
}

func (j *journal) refresh(e Event) {
	j.events = append(j.events, e)
	for _, c := range j.counts(e.User) {
		switch e.Outcome {
		case grant.Rotated, grant.Renewed:
			c.Refreshes++
		case grant.Replayed, grant.Unchanged:
			c.Replays++
		case grant.Reused:
			c.Reuses++
		default:
			c.Refusals++
		}
	}
}

// counts are those that something about the user goes into.
func (j *journal) counts(user string) []*Counts {
	if user == "" {
		return []*Counts{j.total}
	}
	if j.users[user] == nil {
		j.users[user] = newCounts()
	}
	return []*Counts{j.total, j.users[user]}
}

func (j *journal) stats() Stats {
	stats := Stats{Total: j.total.clone(), Users: map[string]Counts{}}
	for user, c := range j.users {
		stats.Users[user] = c.clone()
	}
	return stats
}

// of returns the events about the user, oldest first; all when user is empty.
func (j *journal) of(user string) []Event {
	events := []Event{}
	for _, e := range j.events {
		if user == "" || user == e.User {
			events = append(events, e)
		}
	}
	return events
}

func (c *Counts) clone() Counts {
	copied := *c
	copied.Calls = maps.Clone(c.Calls)
	return copied
}
