package campaign

import (
	"math/rand/v2"
	"time"
)

// Operation is one of an operator's commands.
type Operation string

const (
	Start                 Operation = "start"
	SignalWithStart       Operation = "signal-with-start"
	StartTerminating      Operation = "start-terminate-existing"
	Cancel                Operation = "cancel"
	Terminate             Operation = "terminate"
	ResetToFirstTask      Operation = "reset-to-first-task"
	ResetToLastTask       Operation = "reset-to-last-task"
	PauseActivity         Operation = "activity-pause"
	UnpauseActivity       Operation = "activity-unpause"
	ResetActivity         Operation = "activity-reset"
	FailActivity          Operation = "activity-fail"
	CompleteActivityEmpty Operation = "activity-complete-empty"
)

// weights are how often each operation is drawn. An unpause comes with its pause.
var weights = []struct {
	operation Operation
	weight    int
}{
	{Start, 6}, {SignalWithStart, 6}, {StartTerminating, 10}, {Cancel, 10}, {Terminate, 12},
	{ResetToFirstTask, 8}, {ResetToLastTask, 8}, {PauseActivity, 8}, {ResetActivity, 8}, {FailActivity, 6}, {CompleteActivityEmpty, 6},
}

// needsRun: without a run that is open there is nothing to do.
func (o Operation) needsRun() bool {
	switch o {
	case Start, SignalWithStart, ResetToFirstTask, ResetToLastTask:
		return false
	}
	return true
}

// ends reports whether the operation takes a run, or its activity, out of the
// worker's hands, so that a pair which arrives later has no history to go to.
func (o Operation) ends() bool {
	switch o {
	case Start, SignalWithStart, PauseActivity, UnpauseActivity:
		return false
	}
	return true
}

// command is one operation. Which account it meets is decided when it is due,
// because an operator looks at what hangs: see choose.
type command struct {
	operation Operation
	after     time.Duration // the campaign's beginning
	pick      uint          // among what suits
	hanging   bool          // the run that has been open for the longest time
	lasts     time.Duration // of a pause, which an unpause ends
}

// commands draws n operations, of which each pause counts for two: it is followed
// by its unpause after longestPause at most.
func commands(seed uint64, n int, total, longestPause time.Duration) []command {
	random := rand.New(rand.NewPCG(seed, seed+1))
	every := total / time.Duration(max(n, 1))
	var drawn []command
	var at time.Duration
	for left := n; left > 0; left-- {
		at += between(random, every/2, every+every/2)
		c := command{
			operation: drawOperation(random), after: at, pick: uint(random.Uint32()),
			hanging: random.IntN(2) == 0, lasts: between(random, shortestPause, longestPause),
		}
		if c.operation == PauseActivity {
			if left--; left == 0 {
				c.operation = Terminate // no operation is left for the unpause
			}
		}
		if c.operation != PauseActivity {
			c.lasts = 0
		}
		drawn = append(drawn, c)
	}
	return drawn
}

func drawOperation(random *rand.Rand) Operation {
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	drawn := random.IntN(total)
	for _, w := range weights {
		if drawn -= w.weight; drawn < 0 {
			return w.operation
		}
	}
	return weights[0].operation
}
