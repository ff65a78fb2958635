package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An attempt that got no slot has sent nothing, so that a client that is refused at the next
// one still proves the token unspent.
func TestARefusedClientProvesTheTokenUnspentAfterAttemptsWithoutASlot(t *testing.T) {
	for _, first := range []bool{false, true} {
		c := pastCall{of: "f4", attempt: 3, scheduled: noon, ended: noon.Add(time.Minute), failure: InvalidClient, first: first}
		require.Equal(t, !first, c.maySpend("f4"))
	}
}
