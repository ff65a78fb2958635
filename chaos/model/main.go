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
