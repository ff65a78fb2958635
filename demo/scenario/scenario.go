// Package scenario makes things go wrong in a running system, one at a time, and
// tells what happens and why no token is lost by it.
package scenario

import (
	"context"
	"fmt"

	"tokenkeeper/demo/system"
)

// Scenario is something to do to a running system.
type Scenario struct {
	// Title says what is done, for a menu.
	Title string
	// Saved says what saves the token.
	Saved string

	play func(context.Context, *stage) (system.Run, error)
}

// All are the scenarios in the order of the menu.
func All() []Scenario {
	return []Scenario{refreshNow, killInCall, killBeforeStore, vaultAway, answerLost, temporalKilled, cancelled, revoked}
}

// Play carries the scenario out and tells what happens, a line at a time. It
// returns the run that it was about, when that has ended and the system is as
// whole as before. Only one scenario may play at a time.
func (s Scenario) Play(ctx context.Context, on *system.System, say func(line string)) (run system.Run, err error) {
	st := &stage{System: on, say: func(format string, args ...any) { say(fmt.Sprintf(format, args...)) }}
	defer func() {
		if mendErr := st.mend(ctx); err == nil {
			err = mendErr
		}
	}()
	return s.play(ctx, st)
}

// Verdict puts into words what a judgement means for the tokens, and whether it
// is good.
func Verdict(j system.Judgement) (words string, good bool) {
	switch {
	case j.Live:
		return fmt.Sprintf("nothing lost: the vault holds generation %d (%s), which is the provider's live token", j.Generation, j.Fingerprint), true
	case j.Replayable:
		return fmt.Sprintf("nothing lost so far: the vault holds generation %d, which is spent, and the provider still repeats its answer", j.Generation), true
	case j.Consented:
		return fmt.Sprintf("LOST: the provider does not take generation %d, which the vault holds", j.Generation), false
	default:
		return "the consent is revoked, so there is no token to lose", false
	}
}
