package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/bench/lab"
	"tokenkeeper/internal/testenv"
)

var shared testenv.Shared

func TestMain(m *testing.M) { os.Exit(shared.Around(m).Run()) }

// A benchmark of seconds says nothing about speed. That most figures come from where
// they should is shown all the same.
func TestEveryTargetIsMeasured(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("bench: this system has no /proc")
	}
	said := t.Output()
	o := options{
		lab:    lab.Options{Temporal: shared.Temporal(t), WorkerBinary: shared.Worker(t)},
		rounds: 1, seconds: 10, accounts: 3, workers: []int{1}, starts: 1, warmUp: time.Second, profiles: t.TempDir(), progress: said,
	}
	r, err := run(t.Context(), o)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, r.write(filepath.Join(dir, "bench.json"), filepath.Join(dir, "bench.svg")))

	require.Len(t, r.Measured, len(order))
	for _, m := range r.Measured {
		require.Positive(t, m.Refreshes, m)
		require.Zero(t, m.Failed, m)
		require.Positive(t, m.MedianMS, m)
		require.GreaterOrEqual(t, m.P99MS, m.MedianMS, m)
		require.Greater(t, m.MemoryMB, 5.0, m)
		require.Positive(t, m.ServerCPUPer1000, m)
		switch m.Target {
		case floor:
			require.Equal(t, 4, m.Actions, "a start and three activities: %v", m)
			require.Equal(t, 23, m.Events, m)
			require.Zero(t, m.VaultCalls, m)
		case product:
			require.InDelta(t, 5, m.Actions, 1, m)
			require.LessOrEqual(t, m.WorkedMS["CallFitbit"], m.WorkedP99MS["CallFitbit"])
			require.Positive(t, m.FirstCopyP99MS, m)
			require.InDelta(t, 7, m.VaultCalls, 5, "of few refreshes, some of which began before or end later: %v", m)
		case baseline:
			require.InDelta(t, 4, m.VaultCalls, 3, "two secrets are read and two written, also of refreshes that had not ended: %v", m)
		}
	}
	require.Positive(t, r.FirstPollMS[product][0])
	require.Contains(t, r.table(), "refreshes/s at saturation, beside the floor's")
	for _, file := range []string{"cpu.pprof", "heap.pprof"} {
		info, err := os.Stat(filepath.Join(o.profiles, file))
		require.NoError(t, err)
		require.Positive(t, info.Size(), file)
	}
	text, err := os.ReadFile(filepath.Join(dir, "bench.svg"))
	require.NoError(t, err)
	requireXML(t, string(text))
}

func requireXML(t *testing.T, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

// of makes a measurement of a target.
func of(round int, phase, target string, change func(*measured)) measured {
	m := measured{Round: round, Phase: phase, Target: target, Workers: 1, MedianMS: 60, PerSecond: 30, FirstCopyP99MS: 10, MemoryMB: 50, VaultCalls: 7, Actions: 5}
	if change != nil {
		change(&m)
	}
	return m
}

func TestGoalsAreRatiosWithinEachRound(t *testing.T) {
	slow := func(m *measured) { m.MedianMS *= 2; m.PerSecond /= 2 }
	r := report{FirstPollMS: map[string][]float64{product: {700, 300, 200}}}
	for round, change := range map[int]func(*measured){1: nil, 2: slow, 3: nil} { // the machine is busy in the second
		for _, phase := range []string{"idle", saturated(1), steady} {
			r.Measured = append(r.Measured, of(round, phase, product, change), of(round, phase, floor, change))
		}
	}
	r.sum()
	got := map[string]goal{}
	for _, g := range r.Goals {
		got[g.Name] = g
		require.True(t, g.Met, g)
	}
	require.InDelta(t, 1.0, got["median of one refresh, beside the floor's"].Value, 0.001)
	require.InDelta(t, 300, got["start to first poll"].Value, 0.001)
	require.Len(t, got, 12)

	for name, spoil := range map[string]func(*measured){
		"median of one refresh, beside the floor's": func(m *measured) { m.MedianMS *= 1.3001 },
		"refreshes/s at saturation, beside the floor's, workers: 1": func(m *measured) {
			if m.Phase != steady {
				m.PerSecond *= 0.8999
			}
		},
		"first durable copy, p99, idle":         func(m *measured) { m.FirstCopyP99MS = 21 },
		"memory of a worker at the steady load": func(m *measured) { m.MemoryMB = 61 },
		"refreshes/s at the steady load": func(m *measured) {
			if m.Phase == steady {
				m.PerSecond = 14
			}
		},
		"vault calls for one refresh":    func(m *measured) { m.VaultCalls = 7.1 },
		"actions for one refresh":        func(m *measured) { m.Actions = 6 },
		"failed refreshes, saturation/1": func(m *measured) { m.Failed = len(m.Phase) / 12 },
	} {
		worse := report{}
		for _, m := range r.Measured {
			if m.Target == product {
				spoil(&m)
			}
			worse.Measured = append(worse.Measured, m)
		}
		worse.sum()
		for _, g := range worse.Goals {
			require.Equal(t, g.Name != name, g.Met, g)
		}
	}
}

func TestReadingTheBaselinesLog(t *testing.T) {
	took, ok, at := readBaseline("2026/11/26 15:04:05 INFO refreshed account=base-1 took=12.5ms")
	require.True(t, ok)
	require.Equal(t, 12500*time.Microsecond, took)
	require.Equal(t, time.Date(2026, 11, 26, 15, 4, 5, 0, time.Local), at)
	_, ok, at = readBaseline("2026/11/26 15:04:05 ERROR not refreshed account=base-1 error=x")
	require.False(t, ok)
	require.False(t, at.IsZero())
	_, _, at = readBaseline("goroutine 1 [running]:")
	require.True(t, at.IsZero())
}
