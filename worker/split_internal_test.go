package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBothQueuesTogetherStayBelowTheVaultsLimit(t *testing.T) {
	for name, c := range map[string]struct {
		demand demand
		want   rates
	}{
		"nothing is known":   {demand{}, rates{6.5, 13}},
		"all rotate":         {demand{rotating: 20}, rates{12.35, 1.3}},
		"none rotates":       {demand{single: 20}, rates{0.65, 24.7}},
		"three of four":      {demand{rotating: 15, single: 5}, rates{9.75, 6.5}},
		"more than it takes": {demand{rotating: 3000, single: 1000}, rates{9.75, 6.5}},
	} {
		t.Run(name, func(t *testing.T) {
			got := splitPace(26, c.demand)
			require.InDelta(t, c.want.rotating, got.rotating, 1e-9)
			require.InDelta(t, c.want.single, got.single, 1e-9)
			require.LessOrEqual(t, 2*got.rotating+got.single, 26.0000001)
		})
	}
}

func TestPollersAreRestartedForALargeChangeOnly(t *testing.T) {
	before := splitPace(26, demand{rotating: 15, single: 5})
	require.False(t, before.differs(splitPace(26, demand{rotating: 15, single: 6})))
	require.True(t, before.differs(splitPace(26, demand{rotating: 15, single: 15})))
	require.True(t, rates{}.differs(before))
}

func TestAFleetOfWhichNobodyIsAtWorkKeepsItsShares(t *testing.T) {
	before := demand{rotating: 15}
	require.Equal(t, before, demand{}.orBefore(before))
	require.Equal(t, demand{single: 1}, demand{single: 1}.orBefore(before))
}
