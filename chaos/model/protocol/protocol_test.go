package protocol_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/chaos/model/protocol"
)

// The command visits the states of two runs at once too, in every setting; there are
// some millions.
func TestNothingIsLostByWhateverHappensToOneRunAfterAnother(t *testing.T) {
	for _, model := range protocol.Complete() {
		t.Run(model.String(), func(t *testing.T) {
			t.Parallel()
			model.Alone = true
			report := model.Explore()
			require.True(t, report.Kept(), "%v: %v", report.Broken, report.Trace)
			require.Greater(t, report.States, 5_000)
		})
	}
}

func TestTwoRunsDoNotPresentWhatOneKnowsTheOtherMaySpend(t *testing.T) {
	report := protocol.Model{Protections: protocol.All, Replay: protocol.Never, Setting: protocol.Clocked, Faults: 1}.Explore()
	require.True(t, report.Kept(), "%v: %v", report.Broken, report.Trace)
}

func TestEveryProtectionIsNeeded(t *testing.T) {
	const (
		lost     = "the live refresh token is nowhere"
		left     = "a run ended and left its pair outside the vault"
		reused   = "a spent token was presented although its successor was there to be found"
		raced    = "two runs presented one refresh token although the intent record had told one of the other"
		covered  = "all are done, and an older token covers a newer one in the vault"
		written  = "an older refresh token was written over a newer one that was there to be seen"
		alarmed  = "consent was asked for although the live token was there to be found"
		wasted   = "a refresh token was spent although the vault refuses what was issued for it"
		standing = "undisturbed work does not come to an end"
	)
	breaks := map[string]string{
		"Intent record":          reused,
		"Earlier intent records": reused,
		"Kept intent record":     reused,
		"All versions at load":   reused,
		"Check before a retry":   reused,
		"Check or wait":          reused,
		"Confirmed completion":   lost,
		"Escrow":                 lost,
		"Stored before use":      lost,
		"Refresh token first":    lost,
		"Fence":                  written,
		"Recheck":                covered,
		"Disconnected store":     left,
		"Vault search":           alarmed,
		"History search":         reused,
		"Own grant":              reused,
		"Heartbeats":             lost,
		"Presented at once":      lost,
		"Bounded waits":          lost,
		"Grace":                  left,
		"Second look":            raced,
		"One of two waits":       standing,
		"In doubt":               raced,
		"Temporal first":         reused,
		"Proven write":           wasted,
		"Peek before the turn":   lost,
	}
	catalogue := protocol.Catalogue()
	require.Len(t, catalogue, len(breaks))
	for _, protection := range catalogue {
		t.Run(protection.Name, func(t *testing.T) {
			t.Parallel()
			report := protection.Removed().Explore()
			require.Equal(t, breaks[protection.Name], report.Broken.String())
			require.NotEmpty(t, report.Trace)
		})
	}
}
