// Package protocol is a model of how a refresh token travels between the
// provider, the workers, Temporal and the vault, small enough to visit every
// state that it can reach.
//
// A [State] is the whole system between two effects. [Model.Next] gives every
// state that one more effect leads to: an effect of a worker as the product has
// it, or a fault, at any moment. [Model.Explore] visits them all, the nearest
// first, and stops at the first one that breaks a [Promise], so that the way
// there is a shortest one. A model without one of its [Protections] must break a
// promise, which shows what each of them is for.
//
// activities.go and store.go mirror the product and name the function that each
// step stands for; temporal.go has the server, the ends of runs, and the faults;
// clock.go has the time that waiting takes, rivals.go what two runs know of each other,
// and surroundings.go what happens without any worker. Decisions of the vault's fence and on how long something may wait are
// the product's own functions.
//
// docs/model.md says what bounds the model and what it leaves out. Two bounds are
// only of use here:
//   - An attempt that was given up and goes on holds something, or is about to send
//     its request: one that has only read so far does no harm, and simply ends.
//   - Reads that follow one another are one effect, with the decision on them.
package protocol

import "fmt"

// Replay says how long a provider repeats its answer to a spent refresh token.
type Replay uint8

const (
	// Never: a lost answer is a lost token.
	Never Replay = iota
	// Brief: until a new token is used, or until the window ends, at any moment.
	Brief
	// Lasting: until a new token is used. The window outlasts every outage.
	Lasting
)

func (r Replay) String() string {
	return [...]string{
		"a provider that never repeats an answer",
		"a provider that repeats an answer for a while",
		"a provider that repeats an answer until its tokens are used",
	}[r]
}

// Setting is what happens to the protocol beside the faults that every setting has.
type Setting uint8

const (
	// Timeless: effects come in any order, also in those that time-outs exclude.
	Timeless Setting = iota
	// Clocked: waiting takes time, work takes none, and the window ends by the clock.
	Clocked
	// Restored: the vault may be restored from a backup, once.
	Restored
	// Refusing: a policy may keep new versions out of the vault, which takes tags.
	Refusing
)

// Model is the protocol with some of its protections at one kind of provider.
type Model struct {
	Protections
	Replay  Replay
	Setting Setting
	// Faults is how many there may be by the clock, without which there are any. Each
	// takes time, so that enough of them outlast any window.
	Faults uint8
	// Alone: a run begins only when the one before has ended. What it left behind
	// may still be at work.
	Alone bool
}

// Complete lists the models with all protections, those with the most states
// first.
func Complete() []Model {
	models := []Model{
		{Replay: Brief}, {Replay: Lasting}, {Replay: Never},
		{Replay: Never, Setting: Restored},
		{Replay: Never, Setting: Clocked, Faults: 2},
		{Replay: Brief, Setting: Clocked, Faults: 2},
		{Replay: Never, Setting: Refusing, Alone: true},
	}
	for i := range models {
		models[i].Protections = All
	}
	return models
}

// String is where the model is set.
func (m Model) String() string {
	where := m.Replay.String()
	switch {
	case m.Setting == Clocked && m.Replay == Brief:
		where = "a provider that repeats an answer for two minutes"
	case m.Setting == Clocked:
		where += ", by the clock"
	case m.Setting == Restored:
		where += ", with a vault that may be restored from a backup"
	case m.Setting == Refusing:
		where += ", with a vault that may refuse new versions"
	}
	if m.Setting == Clocked {
		where += ", with " + [...]string{"no fault", "one fault", "two faults"}[m.Faults]
	}
	return where
}

// horizon is how often the provider rotates. By the clock one window is enough.
func (m Model) horizon() Token {
	if m.Setting == Clocked {
		return 1
	}
	return rotations
}

// loses reports whether an answer that is cut off may be lost without anything
// having waited for too long.
func (m Model) loses() bool { return m.Replay == Never || m.Replay == Brief && m.Setting != Clocked }

// Start is an account whose first refresh token was just stored.
func (m Model) Start() State {
	return State{
		Refresh: Secret{Versions: 1, Current: 0},
		Access:  Secret{Current: none},
		Runs:    [2]Run{noRun, noRun},
		Late:    noAttempt,
	}
}

// Next emits every state that one effect leads to, and what that effect is.
func (m Model) Next(s State, emit func(Step, State)) {
	for who := range world {
		v := move{m, s, who, emit}
		if s.at(who).ready() {
			v.act()
			v.kill()
		}
		if who != late {
			v.start()
			v.abandon()
		}
	}
	v := move{m, s, world, emit}
	v.passTime()
	v.surroundings()
}

// move is one actor's turn in a state.
type move struct {
	Model
	s    State
	who  actor
	emit func(Step, State)
}

// act takes the attempt's next effect.
func (v move) act() {
	switch v.self().At {
	case readGrant, recordIntent:
		v.load()
	case checkRun:
		v.checkRun()
	case checkEscrow:
		v.checkEscrow()
	case send:
		v.send()
	case complete, confirm:
		v.deliver()
	case searchVault:
		v.searchVault()
	case searchHistories:
		v.searchHistories()
	default:
		v.store()
	}
}

// self is the attempt whose turn it is, as it stands before it.
func (v move) self() Attempt { return *v.s.at(v.who) }

// disturbed reports whether an operator, an app or another run may still come in.
func (v move) disturbed() bool { return v.s.Stage == faulty }

// faults reports whether something may still go wrong.
func (v move) faults() bool {
	return v.disturbed() && (v.Setting != Clocked || v.s.Faults < v.Model.Faults)
}

// then emits a step of the actor.
func (v move) then(what string, t Token, change func(*State)) {
	n := v.s
	change(&n)
	v.emit(v.step(what, t), n)
}

// fault is then, for what went wrong.
func (v move) fault(what string, t Token, change func(*State)) {
	v.then(what, t, func(n *State) {
		change(n)
		v.count(n)
	})
}

// count adds a fault, where they are limited.
func (v move) count(n *State) {
	if v.Setting == Clocked {
		n.Faults++
	}
}

// goTo is then, and brings the attempt to its next place.
func (v move) goTo(p Place, what string, t Token) {
	v.then(what, t, func(n *State) { n.at(v.who).At = p })
}

// report is the last step of an attempt: an effect, and a report to Temporal,
// which takes it only from the attempt that it waits for, and may not receive it.
func (v move) report(what string, t Token, effect, reported func(*State)) {
	if v.who == late || v.faults() {
		n := v.s
		effect(&n)
		v.leave(&n)
		if v.who != late {
			v.count(&n)
		}
		step := v.step(what, t)
		step.Unreported = true
		v.emit(step, n)
	}
	if v.who != late {
		v.then(what, t, func(n *State) {
			effect(n)
			reported(n)
		})
	}
}

func nothing(*State) {}

// Step is an effect, in words.
type Step struct {
	who      actor
	run      int // the number of the run, in a trace
	activity Phase
	what     string // may hold one %d, for token
	token    Token
	// Unreported: Temporal does not receive the report of it.
	Unreported bool
}

func (v move) step(what string, t Token) Step {
	s := Step{who: v.who, what: what, token: t}
	if v.who != world && v.self().Wait == 0 {
		s.activity = v.self().For
	}
	return s
}

// String is one sentence without its full stop.
func (s Step) String() string {
	words := s.what
	if s.token != none {
		words = fmt.Sprintf(s.what, s.token)
	}
	name := [...]string{idle: "", load: "LoadSecrets", searchBefore: "RecoverGrant", call: "CallFitbit", searchAfter: "RecoverGrant", store: "StoreSecrets"}[s.activity]
	switch s.who {
	case world:
		return words
	case late:
		return "The given-up attempt of " + name + " " + words
	}
	who := fmt.Sprintf("Run %d", s.run)
	if name != "" {
		who += ", " + name + ","
	}
	if s.Unreported {
		words += "; its report is lost"
	}
	return who + " " + words
}
