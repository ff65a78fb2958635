package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThePeriodIsTheWallClocksWheneverTheProcessStarts(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name   string
		since  time.Duration // since noon
		offset time.Duration
		want   time.Duration
	}{
		{"on the hour", 0, 0, time.Hour},
		{"just before", 59 * time.Minute, 0, time.Minute},
		{"just after", time.Minute, 0, 59 * time.Minute},
		{"before the offset", 10 * time.Minute, 15 * time.Minute, 5 * time.Minute},
		{"after the offset", 20 * time.Minute, 15 * time.Minute, 55 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, untilNext(noon.Add(tc.since), time.Hour, tc.offset))
		})
	}
}
