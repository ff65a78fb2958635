package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// The first run of a provider that ends a grant for a late repeat has ended with a grant that
// was probably dead. The second one's answer was lost a minute ago, and can still be had.
func TestARunThatIsOverHidesNoOpenWindow(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		s := newScenario(t)
		s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
			l := loaded(a, 4)
			l.ReplayWindow, l.Reuse = 10*time.Minute, provider.RevokesGrant
			l.MayHaveSpent = []vault.Intent{{RunID: "run-1", Over: true}, {RunID: "run-2", At: s.Now().Add(-time.Minute)}}
			if cancelled {
				s.CancelWorkflow()
			}
			return l, nil
		}
		_, err := s.refresh()
		require.Equal(t, cancelled, err != nil)
		want := []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}
		if cancelled {
			want = append([]string{"LoadSecrets"}, want...) // the first one ends with the cancellation
		}
		require.Equal(t, want, s.order(), "cancelled: %t", cancelled)
		if !cancelled { // whose graces are timers
			require.Empty(t, s.pauses(), "one quick search: presenting again is harmless now")
		}
	}
}
