package incident

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// gather is how long reports must pause before an event that counts them, and
	// gatherMost how long the first of them waits: so the failure of a provider for a
	// thousand accounts is one event, and a single account's comes within a minute.
	gather, gatherMost = 15 * time.Second, 45 * time.Second
	// settle is how long an incident must be without accounts before it is over.
	settle = 15 * time.Second
	// growth is by how much an incident grows until that is told.
	growth = 10
	// byAccountEvery is the least time between two events where each account is mended by
	// itself, so that each is told of.
	byAccountEvery = time.Hour
	// maxNamed bounds the accounts that are kept by name; more are only counted. With
	// their workflows they are some hundred bytes each in a history.
	maxNamed = 5000
	// maxExamples bounds the accounts that an event names.
	maxExamples = 10
	// maxMessage bounds a message, in bytes.
	maxMessage = 2000
	// forgottenAfter is when an incident of the fleet that no worker reports again is
	// over: workers report those that go on every ten minutes.
	forgottenAfter = time.Hour
)

// Tally is which accounts have an incident, and what of that was told. The zero value has
// none. Reports may come twice.
type Tally struct {
	Accounts map[string]Holder `json:"accounts,omitempty"`
	// More counts accounts beyond those that are kept by name. Their reports are not
	// recognised when they come again, so that it is about right.
	More int `json:"more,omitempty"`

	Since       time.Time `json:"since,omitzero"`       // the first report
	Changed     time.Time `json:"changed,omitzero"`     // the last one that changed the count
	UntoldSince time.Time `json:"untoldSince,omitzero"` // the first report since the last event
	Message     string    `json:"message,omitempty"`    // of the first report
	Most        int       `json:"most,omitempty"`       // accounts at a time

	Events int       `json:"events,omitempty"` // that were told, of all times
	Told   int       `json:"told,omitempty"`   // accounts that receivers know of, or that are left where those are few; 0 for none
	ToldAt time.Time `json:"toldAt,omitzero"`
	Untold int       `json:"untold,omitempty"` // accounts that are news since then
	News   []Report  `json:"news,omitempty"`   // some of them
}

// Holder is an account that has the incident.
type Holder struct {
	Workflow string    `json:"w,omitempty"`
	Schedule string    `json:"s,omitempty"`
	Run      string    `json:"r,omitempty"` // that has reported it last
	Urgency  int       `json:"u,omitempty"`
	Event    int       `json:"e,omitempty"` // how many events had been told when it was reported
	At       time.Time `json:"t,omitzero"`  // of the last report, of the fleet's own
}

// reportedBy is the holder after a report. What that does not say stays known: a report does
// not always know the Schedule.
func (h Holder) reportedBy(r Report, now time.Time) Holder {
	h.Workflow, h.Schedule, h.Run = cmp.Or(r.Workflow, h.Workflow), cmp.Or(r.Schedule, h.Schedule), cmp.Or(r.Run, h.Run)
	if r.Account == "" {
		h.At = now
	}
	return h
}

// Count is how many accounts have the incident.
func (t *Tally) Count() int { return len(t.Accounts) + t.More }

// Add takes a report.
func (t *Tally) Add(r Report, now time.Time) {
	if len(r.Message) > maxMessage {
		r.Message = strings.ToValidUTF8(r.Message[:maxMessage], "") + "…"
	}
	if r.Healed {
		for _, account := range append([]string{r.Account}, r.Others...) {
			if _, known := t.Accounts[account]; known || !r.Perhaps {
				t.Remove(account, now)
			}
		}
		return
	}
	held, known := t.Accounts[r.Account]
	if known && r.Urgency <= held.Urgency {
		t.Accounts[r.Account] = held.reportedBy(r, now)
		return
	}
	if t.Count() == 0 && t.Told == 0 {
		t.Since, t.Message = now, r.Message
	}
	t.Changed = now
	switch {
	case !known && len(t.Accounts) == maxNamed:
		t.More++
	default:
		if t.Accounts == nil {
			t.Accounts = map[string]Holder{}
		}
		h := held.reportedBy(r, now)
		h.Urgency, h.Event = r.Urgency, t.Events
		t.Accounts[r.Account] = h
	}
	t.Most = max(t.Most, t.Count())
	if known && held.Event == t.Events { // it is news already
		t.News = slices.DeleteFunc(t.News, func(n Report) bool { return n.Account == r.Account })
		t.Untold--
	}
	if t.Untold == 0 {
		t.UntoldSince = now
	}
	t.Untold++
	if len(t.News) < maxExamples {
		t.News = append(t.News, r)
	}
}

// Remove takes an account that has the incident no longer.
func (t *Tally) Remove(account string, now time.Time) {
	held, known := t.Accounts[account]
	switch {
	case known:
		delete(t.Accounts, account)
	case t.More > 0:
		t.More--
	default:
		return
	}
	t.Changed = now
	if known && held.Event == t.Events {
		t.News = slices.DeleteFunc(t.News, func(n Report) bool { return n.Account == account })
		t.Untold--
	}
	switch n := t.Count(); {
	case n == 0:
		t.Untold, t.News = 0, nil
	case growth*n < t.Told: // not before, so that accounts that come and go are no news
		t.Told = n
	}
}

// Clear takes all accounts away.
func (t *Tally) Clear(now time.Time) {
	t.Accounts, t.More, t.Untold, t.News, t.Changed = nil, 0, 0, nil, now
}

// Due is the event that comes next if nothing else is reported, and when; none where all
// is told.
func (t *Tally) Due(reason string) (kind Kind, at time.Time) {
	gathered := earlier(t.Changed.Add(gather), t.UntoldSince.Add(gatherMost))
	switch n := t.Count(); {
	case n == 0 && t.Told == 0:
		return "", time.Time{}
	case n == 0:
		return Healed, t.Changed.Add(settle)
	case t.Told == 0:
		return Raised, gathered
	case n >= growth*t.Told:
		return Grown, gathered
	case ByAccount(reason) && t.Untold > 0:
		return Grown, later(gathered, t.ToldAt.Add(byAccountEvery))
	}
	return "", time.Time{}
}

// Tell makes the event that is due, and counts it as told.
func (t *Tally) Tell(kind Kind, id, firstRunID, provider, reason string, now time.Time) Event {
	t.Events++
	e := Event{
		ID: EventID(firstRunID, t.Events), Kind: kind, Time: now, Incident: id, Provider: provider, Reason: reason,
		Accounts: t.Count(), Since: t.Since, Message: t.Message,
	}
	if kind == Healed {
		e.Accounts = t.Most
		e.Message = "No account has it any more. It began with: " + t.Message
		if provider == "" {
			e.Message = "It is over. It began with: " + t.Message
		}
		t.Most = 0
	}
	if len(t.News) > 0 {
		e.Message, e.Command = t.News[0].Message, command(reason, t.News[0])
	}
	if provider != "" {
		for _, n := range t.News {
			e.Examples = append(e.Examples, Example{Account: n.Account, Message: n.Message, Run: n.Run})
		}
	}
	e.Title = title(kind, provider, reason, e.Accounts)
	t.Told, t.ToldAt, t.Untold, t.News = t.Count(), now, 0, nil
	return e
}

// State is the tally as a memo has it.
func (t *Tally) State(provider, reason string) State {
	return State{Provider: provider, Reason: reason, Accounts: t.Count(), Since: t.Since, Message: t.Message}
}

// Named are up to most accounts that are kept by name, in order, from the one after a
// name, which wraps around.
func (t *Tally) Named(after string, most int) []string {
	names := slices.Sorted(maps.Keys(t.Accounts)) //workflowcheck:ignore — the names are sorted
	at, found := slices.BinarySearch(names, after)
	if found {
		at++
	}
	names = slices.Concat(names[at:], names[:at])
	return names[:min(most, len(names))]
}

// Forget takes away what no report keeps alive: an incident of the fleet that no worker
// has reported again, and accounts that are only counted when the named ones are well and
// nothing was reported for as long.
func (t *Tally) Forget(now time.Time) {
	if held, known := t.Accounts[""]; known && now.Sub(held.At) >= forgottenAfter {
		t.Remove("", now)
	}
	if len(t.Accounts) == 0 && t.More > 0 && now.Sub(t.Changed) >= forgottenAfter {
		t.Clear(now)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
