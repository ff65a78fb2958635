package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tokenkeeper/internal/provider"
)

// Repeats is what a refresh token gets that was spent a moment ago.
type Repeats string

const (
	Never   Repeats = "nothing"
	Same    Repeats = "the same tokens"
	Another Repeats = "another pair of tokens" // so that the token is not really spent
)

// Truth is the answer to a question; empty where it was not measured.
type Truth string

const (
	Yes Truth = "yes"
	No  Truth = "no"
)

func truth(is bool) Truth {
	if is {
		return Yes
	}
	return No
}

// Dead is how the provider refused a token.
type Dead struct {
	Of    string // what the token was
	Shape Shape
	// Understood: Token Keeper takes it for a dead grant without an entry of its own.
	// Guessed: it takes it for one where it goes on.
	Understood, Guessed bool
}

// Findings are what a measurement has found. A zero field was not measured.
type Findings struct {
	At                   time.Time
	Refreshes, Rotations int
	// SameAnswer: the refreshes have repeated the access token as well.
	SameAnswer bool
	// Stated: the answers that did not rotate the refresh token have named it all the same.
	Stated bool

	Repeats Repeats
	// AtLeast and LessThan are for how long. LessThan is zero where no end was seen.
	AtLeast, LessThan time.Duration
	Pause             time.Duration // between two presentations of one token
	PauseStated       bool          // by the provider; otherwise the first that was enough
	Limited           bool          // the provider limits all calls, so that no pause was measured
	EndsOnUse         Truth         // of the new access token
	EndsOnRefresh     Truth         // of the new refresh token
	Reuse             provider.Reuse
	Dead              []Dead
	EndsAccess        Truth
	EndsAccessOnUse   bool // not before the new one was used

	lifetimes []seenLifetime
	Notes     []string
}

// seenLifetime is one lifetime over the answers that stated it.
type seenLifetime struct {
	field           string
	first, last     time.Duration
	firstAt, lastAt time.Time
}

func (f *Findings) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

func (f *Findings) repeats() bool { return f.Repeats == Same || f.Repeats == Another }

func (f *Findings) notePause(wait time.Duration, stated bool) {
	if !f.Limited {
		f.Pause, f.PauseStated = max(f.Pause, wait), stated
	}
}

func (f *Findings) noteLimit() {
	if !f.Limited {
		f.note("repeat_pause not measured: the provider limits all calls, also those with a token that comes for the first time")
	}
	f.Limited, f.Pause, f.PauseStated = true, 0, false
}

// noteHeld says why a refusal does not tell about a key: it came after a wait.
func (f *Findings) noteHeld(key string, a Answer) {
	f.note("%s not measured: the spent token was refused, but only after the provider had it wait %s", key, a.held)
}

// deadOf is an answer that refuses a token.
func deadOf(a Answer) Dead {
	d := Dead{Shape: a.Shape}
	if a.Failure != nil {
		d.Understood, d.Guessed = a.Failure.Kind == provider.InvalidGrant, a.Failure.MayBeDead
	}
	return d
}

func (f *Findings) addDead(of string, a Answer) Dead {
	d := deadOf(a)
	d.Of = of
	i := slices.IndexFunc(f.Dead, func(e Dead) bool { return e.words() == d.words() })
	switch {
	case i < 0:
		f.Dead = append(f.Dead, d)
	case !strings.Contains(f.Dead[i].Of, of):
		f.Dead[i].Of += ", and to " + of
	}
	return d
}

// words describe the answer, such as: 400, error "invalid_grant".
func (d Dead) words() string {
	words := []string{fmt.Sprint(d.Shape.Status)}
	for _, w := range d.Shape.Words {
		words = append(words, fmt.Sprintf("%s %q", w.Field, w.Value))
	}
	if len(words) == 1 {
		words = append(words, "no word that could be shown")
	}
	return strings.Join(words, ", ")
}

// telling is the word of the answer that says most: the first of these keys that it has.
// It is none of a list, which dead_answers cannot state, and no code that says other
// things as well (RFC 6749 section 5.2).
func (d Dead) telling() (Word, bool) {
	ambiguous := []string{"invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", fmt.Sprint(d.Shape.Status)}
	for _, key := range []string{"error", "error_code", "code", "errorCode", "error_type", "errorType", "status", "error_description", "detail", "message"} {
		for _, w := range d.Shape.Words {
			if (w.Field == key || strings.HasSuffix(w.Field, "."+key)) && !strings.Contains(w.Field, ".0") && !slices.Contains(ambiguous, w.Value) {
				return w, true
			}
		}
	}
	return Word{}, false
}

func (f *Findings) addLifetimes(a Answer) {
	for _, l := range a.Shape.Lifetimes {
		i := slices.IndexFunc(f.lifetimes, func(s seenLifetime) bool { return s.field == l.Field })
		if i < 0 {
			f.lifetimes = append(f.lifetimes, seenLifetime{l.Field, l.Life, l.Life, a.At, a.At})
			continue
		}
		f.lifetimes[i].last, f.lifetimes[i].lastAt = l.Life, a.At
	}
}

// ofRefresh reports whether a field speaks of the refresh token.
func (s seenLifetime) ofRefresh() bool { return strings.Contains(strings.ToLower(s.field), "refresh") }

// shrinks reports whether the lifetime runs down over refreshes, as that of a grant does,
// while that of a refresh token begins anew.
func (s seenLifetime) shrinks() bool {
	passed := s.lastAt.Sub(s.firstAt)
	return passed >= 2*time.Second && s.first-s.last >= passed/2
}

// accessLife is the longest life of an access token that an answer stated.
func (f Findings) accessLife() (time.Duration, bool) {
	longest := time.Duration(0)
	for _, s := range f.lifetimes {
		if !s.ofRefresh() && strings.HasSuffix(s.field, "expires_in") {
			longest = max(longest, s.first, s.last)
		}
	}
	return longest, longest > 0
}

// rotation is the value that is safe where kinds of rotation cannot be told apart: a provider
// that names its refresh token in every answer, or repeats the whole answer, may rotate later.
// So may one of which the entry says so.
func (f Findings) rotation(entry provider.Rotation) provider.Rotation {
	switch {
	case f.Refreshes > 0 && f.Rotations == f.Refreshes:
		return provider.SingleUse
	case f.Rotations > 0 || f.SameAnswer || f.Stated || entry == provider.Sometimes:
		return provider.Sometimes
	}
	return provider.NoRotation
}
