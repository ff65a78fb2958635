package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// flat is the report of a soak in which all was well.
func flat() report {
	r := report{Accounts: 2, Ends: map[string]int{"refreshed": 10}, Faults: map[string]int{}}
	for _, f := range kinds {
		r.Faults[f.name] = 1
	}
	for i := range 90 {
		r.Samples = append(r.Samples, sample{At: float64(i) / 90, Memory: 90 << 20, Goroutines: 150, Descriptors: 30})
	}
	return r
}

func TestASoakIsGreenOnlyWhereNothingGrewAndEnoughHappened(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*report)
		says  string // empty: all is well
	}{
		{"flat", func(*report) {}, ""},
		{"grows at the beginning only", func(r *report) { r.Samples[0].Memory = 10 << 20 }, ""},
		{"memory grows", func(r *report) {
			for i := range r.Samples {
				r.Samples[i].Memory += i << 20
			}
		}, "bytes of memory grew"},
		{"goroutines leak", func(r *report) {
			for i := range r.Samples {
				r.Samples[i].Goroutines += 3 * i
			}
		}, "goroutines grew from"},
		{"descriptors leak", func(r *report) {
			for i := range r.Samples {
				r.Samples[i].Descriptors += 2 * i
			}
		}, "descriptors grew from"},
		{"a token is lost", func(r *report) { r.Lost = []string{"soak-1"} }, "1 refresh tokens are lost: soak-1"},
		{"a race", func(r *report) { r.Races = 1 }, "race detector"},
		{"a run failed", func(r *report) { r.Ends["failed"] = 1 }, "1 runs failed"},
		{"a fault is left out", func(r *report) { delete(r.Faults, "vault: 429") }, `"vault: 429" has never happened`},
		{"too few samples", func(r *report) { r.Samples = r.Samples[:35] }, "are too few"},
		{"too few runs", func(r *report) { r.Ends = map[string]int{"refreshed": 3} }, "3 runs of 2 accounts are too few"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := flat()
			c.spoil(&r)
			problems := r.problems()
			if c.says == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], c.says)
		})
	}
}

func TestEveryKindOfFaultComesBeforeAnyComesAgain(t *testing.T) {
	s := newSchedule(7)
	for range 3 {
		seen := map[string]bool{}
		for range kinds {
			f, pause := s.next()
			require.Positive(t, pause)
			seen[f.name] = true
		}
		require.Len(t, seen, len(kinds))
	}
}
