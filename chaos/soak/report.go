package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tokenkeeper/internal/testenv"
)

// report is what a soak has shown.
type report struct {
	Minutes  float64        `json:"minutes"`
	Seed     uint64         `json:"seed"`
	Race     bool           `json:"race"`
	Accounts int            `json:"accounts"`
	Ends     map[string]int `json:"ends"`   // of runs, by outcome
	Faults   map[string]int `json:"faults"` // that have happened
	Lost     []string       `json:"lost"`   // accounts
	Races    int            `json:"races"`
	Failures []string       `json:"failures,omitempty"`
	Samples  []sample       `json:"-"`
	Growth   growth         `json:"growth"`
}

// sample is what the worker holds at a moment.
type sample struct {
	At          float64 // part of the soak that is over, 0 to 1
	Memory      int     // resident, bytes
	Goroutines  int
	Descriptors int
}

// growth holds medians of the second and of the last third.
type growth struct {
	Memory      [2]int `json:"memory"`
	Goroutines  [2]int `json:"goroutines"`
	Descriptors [2]int `json:"descriptors"`
}

// What a median may grow by from the second third to the last: a seventh, and what a
// burst of retries holds for a moment.
const (
	slackMemory      = 8 << 20
	slackGoroutines  = 40
	slackDescriptors = 40
	leastSamples     = 10 // in a third, before a median says anything
)

// problems says what was not as promised; none where all was.
func (r *report) problems() (all []string) {
	second, last := between(r.Samples, 1./3, 2./3), between(r.Samples, 2./3, 1)
	if len(second) < leastSamples || len(last) < leastSamples {
		all = append(all, fmt.Sprintf("%d and %d samples in the last two thirds are too few; give it more minutes", len(second), len(last)))
	} else {
		for _, of := range []struct {
			what  string
			value func(sample) int
			slack int
			to    *[2]int
		}{
			{"bytes of memory", func(s sample) int { return s.Memory }, slackMemory, &r.Growth.Memory},
			{"goroutines", func(s sample) int { return s.Goroutines }, slackGoroutines, &r.Growth.Goroutines},
			{"descriptors", func(s sample) int { return s.Descriptors }, slackDescriptors, &r.Growth.Descriptors},
		} {
			*of.to = [2]int{median(second, of.value), median(last, of.value)}
			if before, after := of.to[0], of.to[1]; after > before+before/7+of.slack {
				all = append(all, fmt.Sprintf("the worker's %s grew from %d to %d, by the medians of the last two thirds", of.what, before, after))
			}
		}
	}
	if len(r.Lost) > 0 {
		all = append(all, fmt.Sprintf("%d refresh tokens are lost: %s", len(r.Lost), strings.Join(r.Lost, ", ")))
	}
	if r.Races > 0 {
		all = append(all, fmt.Sprintf("the race detector reported %d times", r.Races))
	}
	if n := r.Ends["failed"]; n > 0 {
		all = append(all, fmt.Sprintf("%d runs failed, although every fault passes by itself: %s", n, strings.Join(r.Failures, "; ")))
	}
	for _, f := range kinds {
		if r.Faults[f.name] == 0 {
			all = append(all, fmt.Sprintf("%q has never happened; give it more minutes", f.name))
		}
	}
	if total(r.Ends) < 2*r.Accounts {
		all = append(all, fmt.Sprintf("%d runs of %d accounts are too few to show anything", total(r.Ends), r.Accounts))
	}
	return all
}

func between(samples []sample, from, to float64) (found []sample) {
	for _, s := range samples {
		if s.At >= from && s.At < to {
			found = append(found, s)
		}
	}
	return found
}

func median(samples []sample, value func(sample) int) int {
	var values []int
	for _, s := range samples {
		values = append(values, value(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func total(ends map[string]int) (n int) {
	for _, count := range ends {
		n += count
	}
	return n
}

// sampleOf reads memory and descriptors from /proc, and goroutines from the worker's
// metrics.
func sampleOf(ctx context.Context, w *testenv.Worker) (sample, error) {
	proc := filepath.Join("/proc", strconv.Itoa(w.PID()))
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return sample{}, fmt.Errorf("the worker has ended, or this system has no /proc: %w", err)
	}
	descriptors, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return sample{}, err
	}
	metrics, err := get(ctx, w.HTTP+"/metrics")
	if err != nil {
		return sample{}, err
	}
	kilobytes, err := number(string(status), "VmRSS:")
	if err != nil {
		return sample{}, err
	}
	goroutines, err := number(metrics, "go_goroutines")
	if err != nil {
		return sample{}, err
	}
	return sample{Memory: kilobytes << 10, Goroutines: goroutines, Descriptors: len(descriptors)}, nil
}

// number is the one behind a name at the beginning of a line.
func number(text, name string) (int, error) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, fmt.Errorf("there is no %s", name)
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}
