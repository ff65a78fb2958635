package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/workflows"
)

func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	working := func(d time.Duration) chain { return chain{Working: now.Add(-d)} }
	ended := func(failureType string) chain {
		if failureType == "" {
			return chain{Last: ending{At: now, Result: &workflows.Result{}}}
		}
		return chain{Last: ending{At: now, Result: &workflows.Result{}, Failure: &failure{Type: failureType}}}
	}
	for name, tc := range map[string]struct {
		chain     chain
		attribute string
		paused    bool
		want      Health
		person    bool
	}{
		"no run yet":                          {want: waiting},
		"the last run succeeded":              {chain: ended(""), want: healthy},
		"the last run wants a consent":        {chain: ended(workflows.ReauthorizationRequired), want: needsConsent, person: true},
		"the last run failed":                 {chain: ended("MissingSecret"), want: failed, person: true},
		"a run is at work":                    {chain: working(time.Minute), want: refreshing},
		"a run is at work after a failed one": {chain: chain{Working: now, Last: ended("MissingSecret").Last}, want: refreshing},
		"a run is at work for long":           {chain: working(11 * time.Minute), want: stuck, person: true},
		"a run says so itself":                {chain: working(11 * time.Minute), attribute: "stuck", want: stuck, person: true},
		"the attribute of an earlier run":     {chain: ended(""), attribute: "stuck", want: healthy},
		"its Schedule is paused":              {chain: ended(""), paused: true, want: paused},
		"paused while a run is at work":       {chain: working(time.Second), paused: true, want: refreshing},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(tc.chain, tc.attribute, tc.paused, now)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.person, got.needsPerson())
		})
	}
}
