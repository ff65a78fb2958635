package workflows

// These decisions have tables of their own, and no name outside the package.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestIsFresh(t *testing.T) {
	inHistory := func(obtained, expiry time.Time) activities.RecoverResult {
		return activities.RecoverResult{Found: activities.FoundInHistory,
			Called: &activities.RefreshResult{Issue: token.Issue{ObtainedAt: obtained, Expiry: expiry}}, Stored: &activities.StoreResult{}}
	}
	for _, c := range []struct {
		name string
		r    activities.RecoverResult
		want bool
	}{
		{"nothing was found", activities.RecoverResult{}, false},
		{"the vault has a newer grant", activities.RecoverResult{Found: activities.FoundInVault}, false},
		{"just issued", inHistory(now, now.Add(8*time.Hour)), true},
		{"half of its life is left", inHistory(now.Add(-4*time.Hour), now.Add(4*time.Hour)), true},
		{"less than half is", inHistory(now.Add(-4*time.Hour-time.Second), now.Add(4*time.Hour-time.Second)), false},
		{"it has ended", inHistory(now.Add(-9*time.Hour), now.Add(-time.Hour)), false},
		{"it has no end", inHistory(now.Add(-9*time.Hour), time.Time{}), true},
		{"it has no end, and is a day old", inHistory(now.Add(-24*time.Hour), time.Time{}), false},
		{"it has no end, and is of an unknown time", inHistory(time.Time{}, time.Time{}), false},
		{"it is of an unknown time", inHistory(time.Time{}, now.Add(8*time.Hour)), false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, isFresh(c.r, now)) })
	}
}

func TestBackOff(t *testing.T) {
	for n, want := range map[int]time.Duration{
		0: 30 * time.Second, 1: 30 * time.Second, 4: 30 * time.Second, 5: time.Minute, 8: time.Minute, 9: 2 * time.Minute,
		13: 4 * time.Minute, 17: 8 * time.Minute, 21: 15 * time.Minute, 1000: 15 * time.Minute, 1 << 40: 15 * time.Minute,
	} {
		require.Equal(t, want, backOff(n, longestLook), "the wait before repetition %d", n)
	}
	require.Equal(t, time.Hour, backOff(1<<40, longestStart))
}

func TestRemaining(t *testing.T) {
	for _, c := range []struct {
		name string
		end  time.Time
		want time.Duration
	}{
		{"unknown", time.Time{}, 0},
		{"over", now.Add(-time.Second), 0},
		{"ends now", now, 0},
		{"in flight", now.Add(18 * time.Second), 18 * time.Second},
		{"by a clock that is ahead", now.Add(time.Hour), activities.MaxInFlight},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, remaining(c.end, now)) })
	}
}

func TestReauthorizeSaysWhatWasFoundAndTheProvidersFix(t *testing.T) {
	refusal := func(details ...any) error {
		return temporal.NewNonRetryableApplicationError("provider: refresh at fitbit: grant dead", activities.InvalidGrant, nil, details...)
	}
	const subject = "Fitbit no longer takes generation 4 of fitbit/will (fingerprint 00000000000000f4): "
	for _, c := range []struct {
		name     string
		change   func(*activities.LoadResult)
		recovery activities.RecoverResult
		refusal  error
		want     string
	}{
		{"nothing is known", nil, activities.RecoverResult{Searched: 3}, refusal("consent again at Fitbit; see first that it will last"),
			"it was revoked, replaced by another consent, spent by another client, or spent by a call whose answer was lost; " +
				"the vault and 3 earlier runs hold nothing newer; consent again at Fitbit; see first that it will last"},
		{"an earlier run may have spent it", func(l *activities.LoadResult) { l.MayHaveSpent = []vault.Intent{{RunID: "run-9"}} }, activities.RecoverResult{}, refusal("consent again"),
			"it was revoked, replaced by another consent, spent by another client, or spent by a call whose answer was lost (run run-9 may have made one); " +
				"the vault and 0 earlier runs hold nothing newer; consent again"},
		{"a history is gone", nil, activities.RecoverResult{Gone: []string{"run-9"}}, refusal("consent again"),
			"it was revoked, replaced by another consent, spent by another client, or spent by a call whose answer was lost; " +
				"the vault and 0 earlier runs hold nothing newer; the history of run run-9, which was about to spend it, is gone or cannot be found; consent again"},
		{"it never rotates", func(l *activities.LoadResult) { l.NonRotating = true }, activities.RecoverResult{}, refusal("consent again"),
			"it was revoked, it has lapsed, or newer consents have pushed it out; the vault and 0 earlier runs hold nothing newer; consent again"},
		{"a refusal without a fix, of an older version", nil, activities.RecoverResult{}, refusal(),
			"it was revoked, replaced by another consent, spent by another client, or spent by a call whose answer was lost; " +
				"the vault and 0 earlier runs hold nothing newer; have the account owner consent again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			loaded := activities.LoadResult{
				Account: token.Account{Provider: "fitbit", Name: "will"}, ProviderTitle: "Fitbit",
				Provenance: token.Provenance{Generation: 4, Fingerprint: "00000000000000f4"},
			}
			if c.change != nil {
				c.change(&loaded)
			}
			err := reauthorize(loaded, c.recovery, c.refusal)
			require.Equal(t, ReauthorizationRequired, failureType(err))
			require.True(t, nonRetryable(err))
			require.Equal(t, subject+c.want, message(err))
		})
	}
}
