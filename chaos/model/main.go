// The command model visits every state that the protocol can reach, with all of
// its protections and with each of them taken out, and prints what it found. See
// package protocol for what is in the model and what bounds it.
//
//	go run ./chaos/model
//	go run ./chaos/model -write docs/model.md
//
// It ends with an error when a promise is broken with all protections in place,
// or when none is without one of them. It takes under a minute and two gigabytes
// on two cores.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
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
		fmt.Fprintf(&out, "Without %q, at %v (%d states until then):\n", f.Name, f.Replay, f.States)
		list(&out, f.Trace)
		fmt.Fprintf(&out, "      Then %v.\n\n", f.Broken)
	}
	return out.String(), nil
}

// visitAll explores the model with all protections, at every kind of provider.
func visitAll() (string, error) {
	replays := []protocol.Replay{protocol.Never, protocol.Lasting, protocol.Brief}
	reports := make([]protocol.Report, len(replays))
	var all sync.WaitGroup
	for i, replay := range replays {
		all.Go(func() { reports[i] = protocol.Model{Protections: protocol.All, Replay: replay}.Explore() })
	}
	all.Wait()
	var out strings.Builder
	var broken []error
	for i, r := range reports {
		fmt.Fprintf(&out, "With all protections, at %v: %d states, %d transitions; %v.\n", replays[i], r.States, r.Transitions, r.Broken)
		list(&out, r.Trace)
		if !r.Kept() {
			broken = append(broken, fmt.Errorf("with all protections, at %v, %v", replays[i], r.Broken))
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
answer or a report lost, an attempt given up that goes on, a second run at work, a run terminated or cancelled, the vault
away, and the replay window over, at any moment. In none of them is a promise broken:

- The refresh token in force is in the vault, in a history, or with a provider that repeats it. Without such a provider it
  may also be with a process that is still at work; it is lost only when that is killed, or the answer to it cut off.
- The next run that nothing disturbs leaves the token in force on top in the vault, or asks for consent, which it does
  only for a lost one. Undisturbed work always comes to an end.
- A run that ends, other than by termination, leaves no pair outside the vault.
- When all is done, the newest tokens are on top in the vault, unless a writer was killed before its recheck; and no
  older token is written over a newer one that was there to be seen.
- No spent token is presented when its successor was there to be found; a provider that watches for reuse would revoke
  the grant. No run asks for consent when the token in force was there to be found.

` + "`make model`" + ` shows it again and says how many states there are. It also takes out one protection after the other, and each
time finds the shortest way to a broken promise, which this page lists. Numbers are generations; the account
begins with a refresh token 0 that was just stored.

Three of the rules say what is accepted: there the product does less than the model. To make that matter takes a
write that reaches the vault when a later run has already spent what it writes. A writer reads first and is given up within
a minute of that, so that only a request that was on the wire or a frozen process comes later, or a second run of the
account has to come within that minute. The next run then presents a spent token, is refused, and finds the newest. It
costs the grant only at a provider that revokes it at the sight of a spent token ([reliability.md](reliability.md)).
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
		fmt.Fprintf(&out, "\nWithout it, at %v:\n\n", f.Replay)
		for i, step := range f.Trace {
			fmt.Fprintf(&out, "%d. %v.\n", i+1, step)
		}
		fmt.Fprintf(&out, "\nThen %v.\n", f.Broken)
	}
	return out.String()
}
