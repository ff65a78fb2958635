package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// The opaque envelopes of the stand-ins. They must travel, and never be shown.
const (
	sealedGrant = "fake-sealed-grant"
	sealedPair  = "fake-sealed-pair"
)

// ownRun is the id of every scenario's run.
const ownRun = "default-test-run-id"

func loaded(a token.Account, g token.Generation) activities.LoadResult {
	return activities.LoadResult{
		Account:             a,
		RunID:               ownRun,
		Provenance:          token.Provenance{Generation: g, Fingerprint: fingerprint(g), Parent: fingerprint(g - 1), Consent: fingerprint(0)},
		UserID:              "USER-1",
		RefreshTokenVersion: "refresh-version-" + string(fingerprint(g)),
		CallActivity:        "CallFitbit",
		ProviderTitle:       "Fitbit",
		ReplayWindow:        2 * time.Minute,
		Reuse:               provider.Refused,
		Grant:               token.Sealed(sealedGrant),
	}
}

func issuedFor(in activities.LoadResult) activities.RefreshResult {
	return activities.RefreshResult{
		Account:    in.Account,
		Provenance: in.Provenance.Next(fingerprint(in.Provenance.Generation + 1)),
		Rotated:    true,
		Issue: token.Issue{
			UserID:     "USER-1",
			Scopes:     []string{"activity", "sleep"},
			Expiry:     time.Now().Add(100 * 24 * time.Hour),
			ObtainedAt: time.Now(),
		},
		Pair: token.Sealed(sealedPair),
	}
}

func stored() activities.StoreResult {
	return activities.StoreResult{RefreshTokenVersion: "refresh-version-new", AccessTokenVersion: "access-version-new"}
}

func fingerprint(g token.Generation) token.Fingerprint {
	return token.Fingerprint(fmt.Sprintf("%016x", int(g)+1))
}

// forGood and forNow are the two ways in which an activity fails.
func forGood(kind string) error {
	return temporal.NewNonRetryableApplicationError("what "+kind+" says", kind, nil)
}

func forNow(kind string) error { return temporal.NewApplicationError("what "+kind+" says", kind) }

// forNowAfter is a failure that is retried after a wait.
func forNowAfter(wait time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("what a provider says that wants a wait", "ProviderNotReady", temporal.ApplicationErrorOptions{NextRetryDelay: wait})
}

// requireFailure demands that a run failed for good with a type, and returns its
// message.
func requireFailure(t *testing.T, err error, kind string) string {
	t.Helper()
	var failure *temporal.ApplicationError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, kind, failure.Type())
	require.True(t, failure.NonRetryable())
	return failure.Message()
}
