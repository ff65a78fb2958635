package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/workflows"
)

func TestHealthOf(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	working := func(d time.Duration) workflows.State { return workflows.State{Working: now.Add(-d)} }
	ended := func(failureType string) workflows.State {
		if failureType == "" {
			return workflows.State{Last: workflows.RunResult{At: now, Result: &workflows.Result{}}}
		}
		return workflows.State{Last: workflows.RunResult{At: now, Result: &workflows.Result{}, Failure: &workflows.Failure{Type: failureType}}}
	}
	for name, tc := range map[string]struct {
		state     workflows.State
		attribute string
		paused    bool
		want      Health
		attention bool
	}{
		"no run yet":                          {want: waiting},
		"the last run succeeded":              {state: ended(""), want: healthy},
		"the last run wants a consent":        {state: ended(workflows.ReauthorizationRequired), want: needsConsent, attention: true},
		"the last run failed":                 {state: ended("MissingSecret"), want: failed, attention: true},
		"a run is at work":                    {state: working(time.Minute), want: refreshing},
		"a run is at work after a good one":   {state: workflows.State{Working: now, Last: ended("").Last}, want: refreshing},
		"a run is at work after a failed one": {state: workflows.State{Working: now, Last: ended("MissingSecret").Last}, want: failed, attention: true},
		"a run is at work for long":           {state: working(11 * time.Minute), want: stuck, attention: true},
		"a run says so itself":                {state: working(11 * time.Minute), attribute: "stuck", want: stuck, attention: true},
		"the attribute of an earlier run":     {state: ended(""), attribute: "stuck", want: healthy},
		"its Schedule is paused":              {state: ended(""), paused: true, want: paused},
		"paused while a run is at work":       {state: working(time.Second), paused: true, want: refreshing},
	} {
		t.Run(name, func(t *testing.T) {
			got := healthOf(tc.state, tc.attribute, tc.paused, now)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.attention, got.needsAttention())
		})
	}
}
