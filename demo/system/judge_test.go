package system_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/system"
)

func TestWhenATokenCountsAsLost(t *testing.T) {
	for _, tc := range []struct {
		name string
		j    system.Judgement
		want bool
	}{
		{"the vault holds the live token", system.Judgement{Consented: true, Live: true}, false},
		{"it is spent, and the answer is still repeated", system.Judgement{Consented: true, Replayable: true}, false},
		{"somebody else holds the live token", system.Judgement{Consented: true}, true},
		{"the person has revoked the consent", system.Judgement{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, tc.j.Lost()) })
	}
}
