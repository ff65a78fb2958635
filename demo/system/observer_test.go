package system_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/system"
)

func TestWhenATokenCountsAsLost(t *testing.T) {
	for _, tc := range []struct {
		name string
		j    system.Audit
		want bool
	}{
		{"the vault holds the live token", system.Audit{Consented: true, Live: true}, false},
		{"it is spent, and the answer is still repeated", system.Audit{Consented: true, Replayable: true}, false},
		{"the live token is elsewhere", system.Audit{Consented: true}, true},
		{"the consent is revoked", system.Audit{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, tc.j.Lost()) })
	}
}
