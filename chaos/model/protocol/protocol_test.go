package protocol_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/model/protocol"
)

// The command visits the states of two runs at once too; there are some millions.
func TestNothingIsLostByWhateverHappensToOneRunAfterAnother(t *testing.T) {
	for _, replay := range []protocol.Replay{protocol.Never, protocol.Brief, protocol.Lasting} {
		t.Run(replay.String(), func(t *testing.T) {
			t.Parallel()
			report := protocol.Model{Protections: protocol.All, Replay: replay, Alone: true}.Explore()
			require.True(t, report.Kept(), "%v: %v", report.Broken, report.Trace)
			require.Greater(t, report.States, 10_000)
		})
	}
}

func TestEveryProtectionIsNeeded(t *testing.T) {
	for _, protection := range protocol.Catalogue() {
		t.Run(protection.Name, func(t *testing.T) {
			t.Parallel()
			report := protection.Removed().Explore()
			require.False(t, report.Kept())
			require.NotEmpty(t, report.Trace)
		})
	}
}
