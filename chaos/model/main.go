// The command model visits every state that the protocol can reach, with all of
// its protections and with each of them taken out, and prints what it found. See
// package protocol for what is in the model and what bounds it.
//
//	go run ./chaos/model
//	go run ./chaos/model -write docs/model.md
//
// It ends with an error when a promise is broken with all protections in place,
// or when none is without one of them. It takes a minute and a half and three
// gigabytes on two cores.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"tokenkeeper/chaos/model/protocol"
)

func main() {
	write := flag.String("write", "", "write the counter-examples to this `file` as well, in Markdown")
	flag.Parse()
	if err := run(*write); err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	found := withoutEach()
	text, err := counterExamples(found)
	fmt.Print(text)
	if err != nil {
		return err
	}
	text, err = visitAll()
	fmt.Print(text)
	if err != nil || file == "" {
		return err
	}
	return os.WriteFile(file, []byte(page(found)), 0o644)
}

// without is what the model breaks when it lacks a protection.
type without struct {
	protocol.Protection
	protocol.Report
}

func withoutEach() []without {
	var found []without
	for _, p := range protocol.Catalogue() {
		found = append(found, without{p, p.Removed().Explore()})
	}
	return found
}

// counterExamples describes what each removal breaks; it is an error for one to
// break nothing.
func counterExamples(found []without) (string, error) {
	var out strings.Builder
	for _, f := range found {
		if f.Kept() {
			return out.String(), fmt.Errorf("without %q every promise is kept; either the model is too coarse, or the protection is not needed", f.Name)
		}
		fmt.Fprintf(&out, "Without %q, at %v (%d states until then):\n", f.Name, f.At, f.States)
		list(&out, f.Trace)
		fmt.Fprintf(&out, "      Then %v.\n\n", f.Broken)
	}
	return out.String(), nil
}

// visitAll explores the models with all protections, as many at a time as there are
// cores: each takes memory.
func visitAll() (string, error) {
	models := protocol.Complete()
	reports := make([]protocol.Report, len(models))
	next := make(chan int, len(models))
	for i := range models {
		next <- i
	}
	close(next)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := range next {
				reports[i] = models[i].Explore()
			}
		})
	}
	all.Wait()
	var out strings.Builder
	var broken []error
	for i, r := range reports {
		fmt.Fprintf(&out, "With all protections, at %v: %d states, %d transitions; %v.\n", models[i], r.States, r.Transitions, r.Broken)
		list(&out, r.Trace)
		if !r.Kept() {
			broken = append(broken, fmt.Errorf("with all protections, at %v, %v", models[i], r.Broken))
		}
	}
	return out.String(), errors.Join(broken...)
}

func list(out *strings.Builder, trace []protocol.Step) {
	for i, step := range trace {
		fmt.Fprintf(out, "%4d. %v\n", i+1, step)
	}
}

const intro = `<!-- Written by: go run ./chaos/model -write docs/model.md -->
# What each protection is for

The [model](../chaos/model/protocol/model.go) of the protocol, with all the protections below, has visited every state that
it can reach: every order of what workers, Temporal, the provider and the vault do, with a worker killed, a request, an
answer or a report lost, an attempt given up that goes on, a second run at work, a run terminated, reset or cancelled, the vault
away, and the replay window over, at any moment. In none of them is a promise broken:

- The refresh token in force is in the vault, in a history, or with a provider that repeats it. Without such a provider it
  may also be with a process that is still at work; it is lost only when that is killed, or the answer to it cut off.
- The next run that nothing disturbs leaves the token in force on top in the vault, or asks for consent, which it does
  only for a lost one. Undisturbed work always comes to an end.
- A run that ends, other than by termination, leaves no pair outside the vault.
- When all is done, the newest tokens are on top in the vault, unless a writer was killed before its recheck; and no
  older token is written over a newer one that was there to be seen.
- No spent token is presented when its successor was there to be found; a provider that watches for reuse would revoke
  the grant. No two runs present one token where one has read the other's intent record. No run asks for consent when
  the token in force was there to be found.
- No token is spent while the vault refuses what is issued for it.

Three times the model is set up otherwise, and all of it is visited again:

- **By the clock.** Waiting takes time, and the replay window of two minutes ends on time. Two things may go wrong inside it,
  which also may be the provider's gateway that keeps an answer back and asks for a wait of three minutes; and an operator may
  terminate, reset and cancel as often as there is time. Nothing excuses a loss here: what could be had when the window
  opened is in the vault or in a history when it ends. The waits are the product's own, by
  [window.Wait](../internal/window/window.go).
- **With a vault that may be restored from a backup**, which is older than what Temporal knows.
- **With a vault that may refuse new versions**, as under an Azure Policy, and takes tags all the same.

` + "`make model`" + ` shows it again and says how many states there are. It also takes out one protection after the other, and each
time finds the shortest way to a broken promise, which this page lists. Numbers are generations; the account
begins with a refresh token 0 that was just stored. What the model does not have is [at the end](#what-bounds-the-model).

Some of the rules say what is accepted: there the product does less than the model. To make that matter takes, for the first three of
them, a write that reaches the vault when a later run has already spent what it writes. A writer reads first and is given up within
a minute of that, so that only a request that was on the wire or a frozen process comes later, or a second run of the
account has to come within that minute. The next run then presents a spent token, is refused, and finds the newest. It
costs the grant only at a provider that revokes it at the sight of a spent token ([reliability.md](reliability.md)).
`

const bounds = `
## What bounds the model

- Two rotations of one consent; by the clock one, which is one window.
- Two runs at work at a time, any number one after the other, and one attempt that Temporal has given up and that goes on.
- Without the clock no time passes: all orders of effects are possible, also those that the product's time-outs exclude.
- By the clock, work takes no time, and an attempt that goes on after it was given up takes any. Spans are rounded up to five seconds.
  After an operator has ended a run the next one begins at once; an operator who ends it and waits until the window has closed loses what
  only the provider has. A worker is there as soon as one is wanted. A run knows when the window opened.
- With more than two faults the window may close: each takes its share of the time.
- A backup is restored once, while no run is at work, and only where a history has the token in force: what only the vault has is
  lost with it. It is as old as the token that it holds, without that token's intent record.
- A policy comes while no run is at work. One that comes later finds the pair in a history, where it waits.

## What it leaves out

- Consents that are stored meanwhile, by hand or by ` + "`starter authorize`" + `; FenceConsent has a table of its own, and the vault a property test.
- How many runs an intent record has room for. The model's record has all of them, so that no run that only loaded can push out the one
  that has spent the token.
- Reads of the vault that are older than the last write, other than after a restore; clocks that differ.
- What an operator does to activities by hand: pause, fail, complete. Deleted runs, and histories whose retention has ended.
- The least pause that a provider may demand between two requests, and providers that answer one token twice with different pairs.
- Keys, and pairs that cannot be stored: another user's, or one that is too long.
`

// page is the counter-examples in Markdown.
func page(found []without) string {
	var out strings.Builder
	out.WriteString(intro)
	for _, f := range found {
		fmt.Fprintf(&out, "\n## %s\n\n%s ([%s](../%s))\n", f.Name, f.Rule, f.File, f.File)
		if f.Accepted != "" {
			fmt.Fprintf(&out, "\nAccepted: %s.\n", f.Accepted)
		}
		fmt.Fprintf(&out, "\nWithout it, at %v:\n\n", f.At)
		for i, step := range f.Trace {
			fmt.Fprintf(&out, "%d. %v.\n", i+1, step)
		}
		fmt.Fprintf(&out, "\nThen %v.\n", f.Broken)
	}
	out.WriteString(bounds)
	return out.String()
}
