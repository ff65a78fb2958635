package protocol

import (
	"fmt"
	"strings"
)

// Step is an effect, for people.
type Step struct {
	who      seat
	activity Phase
	what     string // may hold one %d, for token
	token    Token
	// Unheard: Temporal does not hear what came of it.
	Unheard bool
}

func (v move) step(what string, t Token) Step {
	s := Step{who: v.who, what: what, token: t}
	if v.who != world {
		s.activity = v.self().For
	}
	return s
}

// String is one sentence without its full stop, unless the world speaks.
func (s Step) String() string {
	words := s.what
	if s.token != none {
		words = fmt.Sprintf(s.what, s.token)
	}
	name := [...]string{idle: "", load: "LoadSecrets", precede: "RecoverGrant", call: "CallFitbit", ladder: "RecoverGrant", store: "StoreSecrets"}[s.activity]
	switch s.who {
	case world:
		return strings.TrimSuffix(words, ".")
	case late:
		return "The given-up attempt of " + name + " " + words
	}
	who := fmt.Sprintf("Run %d", s.who+1)
	if name != "" {
		who += ", " + name + ","
	}
	if s.Unheard {
		words += "; its report is lost"
	}
	return who + " " + words
}
