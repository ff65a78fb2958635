package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

func TestTenRefreshesAtHydraLoseNothingThoughOneAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, style := range []provider.AuthStyle{provider.AuthHeader, provider.AuthBody} {
		t.Run("client authentication in the "+string(style), func(t *testing.T) {
			const refreshes, lost = 10, 5
			h := newHydraSystem(t, style, longestGrace)
			h.work()
			var a account
			var passages []passage
			h.inTime(func() (inTime bool) {
				a = h.consent()
				before := len(h.edge.passages())
				for generation := 1; generation <= refreshes; generation++ {
					if generation == lost {
						h.edge.loseNext()
					}
					run := a.refresh()
					if int(run.refreshed().Generation) != generation {
						return false
					}
					if generation == lost {
						run.tried("CallHydra", 2)
					}
					run.holdsNoSecret()
				}
				passages = h.edge.passages()[before:]
				return len(passages) == refreshes+1
			})
			a.nothingLost(refreshes)
			h.works(a)

			presented := map[token.Fingerprint]int{}
			for _, p := range passages {
				require.Equal(t, 200, p.status)
				require.Equal(t, style == provider.AuthHeader, p.basic)
				presented[p.presented]++
			}
			require.Len(t, presented, refreshes, "each token is presented, and only the one whose answer was lost twice")
			first, second := passages[lost-1], passages[lost]
			require.True(t, first.lost)
			require.Equal(t, first.presented, second.presented)
			// Unlike our simulator, Hydra does not repeat its answer. It gives another
			// pair, and that is the one we go on with.
			require.NotEqual(t, first.issued.RefreshToken.Fingerprint(), second.issued.RefreshToken.Fingerprint())
			require.Equal(t, string(second.issued.RefreshToken.Fingerprint()), a.refreshVersions()[lost].Fingerprint)
		})
	}
}

func TestAnswerOfHydraLostWithoutGraceIsAlertedOnceAndHealsAfterAConsent(t *testing.T) {
	h := newHydraSystem(t, provider.AuthBody, 0)
	a := h.consent()
	refreshToken := h.Vault.Versions(a.secret("RefreshToken"))[0].Value
	w := h.work()
	h.edge.loseNext()
	run := a.refresh(everyFewSeconds)

	require.Contains(t, run.failure().Message, "spent by a call whose answer was lost")
	lost, refused := h.edge.passages()[0], h.edge.passages()[1]
	require.Equal(t, 200, lost.status)
	require.Equal(t, 400, refused.status)
	require.Equal(t, lost.presented, refused.presented)
	// Hydra took the second sight of the token for theft, and ended the grant.
	require.False(t, h.active(lost.issued.RefreshToken))
	require.False(t, h.active(lost.issued.AccessToken))
	a.asksForConsentOnce(w, run, refreshToken)
	h.works(a)
}
