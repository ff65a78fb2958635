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
	Understood bool
}

// Findings are what a measurement has found. A zero field was not measured.
type Findings struct {
	At                   time.Time
	Refreshes, Rotations int
	// SameAnswer: the refreshes have repeated the access token as well.
	SameAnswer bool

	Repeats Repeats
	// AtLeast and LessThan are for how long. LessThan is zero where no end was seen.
	AtLeast, LessThan time.Duration
	Pause             time.Duration // between two presentations of one token
	PauseStated       bool          // by the provider; otherwise the first that was enough
	EndsOnUse         Truth
	Reuse             provider.Reuse
	Dead              []Dead
	EndsAccess        Truth

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
	f.Pause, f.PauseStated = max(f.Pause, wait), stated
}

func (f *Findings) addDead(of string, a Answer) {
	d := Dead{Of: of, Shape: a.Shape, Understood: a.Failure != nil && a.Failure.Kind == provider.InvalidGrant}
	i := slices.IndexFunc(f.Dead, func(e Dead) bool { return e.words() == d.words() })
	switch {
	case i < 0:
		f.Dead = append(f.Dead, d)
	case !strings.Contains(f.Dead[i].Of, of):
		f.Dead[i].Of += ", and to " + of
	}
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
func (d Dead) telling() (Word, bool) {
	for _, key := range []string{"error", "error_code", "code", "errorCode", "error_type", "errorType", "status", "message"} {
		for _, w := range d.Shape.Words {
			if w.Field == key || strings.HasSuffix(w.Field, "."+key) && !strings.Contains(w.Field, ".0.") {
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

// rotation is the value that is safe where a kind of rotation could not be told apart: a
// provider that repeats its whole answer for now may rotate later.
func (f Findings) rotation() provider.Rotation {
	switch {
	case f.Rotations == f.Refreshes:
		return provider.SingleUse
	case f.Rotations > 0 || f.SameAnswer:
		return provider.Sometimes
	}
	return provider.NoRotation
}
