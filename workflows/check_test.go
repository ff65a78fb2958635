package workflows

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var account = token.Account{Provider: "google-health", Name: "will"}

func rightGrant() activities.LoadResult {
	return activities.LoadResult{
		Account: account, RunID: "run-5", RefreshTokenVersion: "version-4", CallActivity: "CallGoogleHealth", Grant: token.Sealed("fake-sealed-grant"),
		Provenance: token.Provenance{Generation: 4, Fingerprint: "f4", Consent: "f0"},
	}
}

func rightPair() activities.RefreshResult {
	return activities.RefreshResult{Account: account, Rotated: true, Pair: token.Sealed("fake-sealed-pair"), Provenance: rightGrant().Provenance.Next("f5")}
}

func TestCheckLoaded(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*activities.LoadResult)
		want   string
	}{
		{"what was asked for", func(*activities.LoadResult) {}, ""},
		{"the first token of a consent", func(l *activities.LoadResult) { l.Provenance = token.Provenance{Fingerprint: "f0", Consent: "f0"} }, ""},
		{"loaded by a run before a reset", func(l *activities.LoadResult) { l.RunID = "run-4" }, ""},
		{"nothing", func(l *activities.LoadResult) { *l = activities.LoadResult{} }, "is of another account"},
		{"another account", func(l *activities.LoadResult) { l.Account.Name = "bo" }, "is of another account"},
		{"another account's secrets", func(l *activities.LoadResult) { l.Account.SecretsOf = "fitbit" }, "is of another account"},
		{"another provider's call", func(l *activities.LoadResult) { l.CallActivity = "CallFitbit" }, "names another provider's activity"},
		{"an activity that calls nothing", func(l *activities.LoadResult) { l.CallActivity = "StoreSecrets" }, "names another provider's activity"},
		{"no fingerprint", func(l *activities.LoadResult) { l.Provenance.Fingerprint = "" }, "has no provenance"},
		{"no consent", func(l *activities.LoadResult) { l.Provenance.Consent = "" }, "has no provenance"},
		{"a generation below zero", func(l *activities.LoadResult) { l.Provenance.Generation = -1 }, "has no provenance"},
		{"no version", func(l *activities.LoadResult) { l.RefreshTokenVersion = "" }, "names no version of the refresh token"},
		{"a window below zero", func(l *activities.LoadResult) { l.ReplayWindow = -1 }, "has a time below zero"},
		{"a pause below zero", func(l *activities.LoadResult) { l.RepeatPause = -1 }, "has a time below zero"},
		{"a generation that no vault shows", func(l *activities.LoadResult) { l.Provenance.Generation = math.MaxInt }, "names a generation above 1000000000"},
		{"a user id that a terminal would obey", func(l *activities.LoadResult) { l.UserID = "\x1b[2J" }, unprintable},
		{"a long user id", func(l *activities.LoadResult) { l.UserID = strings.Repeat("u", 513) }, unprintable},
		{"a title that a terminal would obey", func(l *activities.LoadResult) { l.ProviderTitle = "Fit\nbit" }, unprintable},
		{"a version that a terminal would obey", func(l *activities.LoadResult) { l.RefreshTokenVersion = "v\r" }, unprintable},
		{"a run on the record that a terminal would obey", func(l *activities.LoadResult) { l.MayHaveSpent = []vault.Intent{{RunID: "\a"}} }, unprintable},
		{"a grant that is left for years", func(l *activities.LoadResult) { l.AlivePeriod = 25 * time.Hour }, "leaves the grant for longer than 24h0m0s"},
		{"a period below zero", func(l *activities.LoadResult) { l.AlivePeriod = -1 }, "has a time below zero"},
		{"no run", func(l *activities.LoadResult) { l.RunID = "" }, "names no run"},
		{"nothing sealed", func(l *activities.LoadResult) { l.Grant = nil }, "has no sealed grant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := rightGrant()
			c.change(&l)
			require.Equal(t, c.want, checkLoaded(l, account, false))
		})
	}
	l := rightGrant()
	l.Grant, l.Waits = nil, true
	require.Empty(t, checkLoaded(l, account, true), "a peek returns no grant")
	require.Equal(t, "leaves out the grant", checkLoaded(l, account, false))
	require.Empty(t, checkGrant(l, account), "ReadGrant returns no grant")
}

func TestCheckIssued(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*activities.RefreshResult)
		want   string
	}{
		{"a new pair", func(*activities.RefreshResult) {}, ""},
		{"an access token only", func(r *activities.RefreshResult) { r.Rotated, r.Provenance = false, rightGrant().Provenance }, ""},
		{"nothing", func(r *activities.RefreshResult) { *r = activities.RefreshResult{} }, "is of another account"},
		{"another account's", func(r *activities.RefreshResult) { r.Account.Name = "bo" }, "is of another account"},
		{"another generation", func(r *activities.RefreshResult) { r.Provenance.Generation = 9 }, "does not follow generation 4"},
		{"another parent", func(r *activities.RefreshResult) { r.Provenance.Parent = "f9" }, "does not follow generation 4"},
		{"another consent", func(r *activities.RefreshResult) { r.Provenance.Consent = "f9" }, "does not follow generation 4"},
		{"a new one that is said not to be", func(r *activities.RefreshResult) { r.Rotated = false }, "does not follow generation 4"},
		{"the old token as the new one", func(r *activities.RefreshResult) { r.Provenance.Fingerprint = "f4" }, "has no new refresh token"},
		{"no fingerprint", func(r *activities.RefreshResult) { r.Provenance.Fingerprint = "" }, "has no new refresh token"},
		{"nothing sealed", func(r *activities.RefreshResult) { r.Pair = nil }, "has no sealed pair"},
		{"a user id that a terminal would obey", func(r *activities.RefreshResult) { r.UserID = "\x1b[2J" }, ""},
		{"a long scope", func(r *activities.RefreshResult) { r.Scopes = []string{"sleep", strings.Repeat("s", 513)} }, ""},
		{"many scopes", func(r *activities.RefreshResult) { r.Scopes = make([]string, 201) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rightPair()
			c.change(&r)
			require.Equal(t, c.want, checkIssued(r, rightGrant()))
		})
	}
}

func TestCheckStored(t *testing.T) {
	for _, c := range []struct {
		name string
		s    activities.StoreResult
		want string
	}{
		{"both", activities.StoreResult{RefreshTokenVersion: "r", AccessTokenVersion: "a"}, ""},
		{"superseded before the access token", activities.StoreResult{RefreshTokenVersion: "r", Superseded: true}, ""},
		{"nothing", activities.StoreResult{}, "names no version of the refresh token"},
		{"a version that a terminal would obey", activities.StoreResult{RefreshTokenVersion: "r", AccessTokenVersion: "\x1b[2J"}, unprintable},
		{"no access token", activities.StoreResult{RefreshTokenVersion: "r"}, "names no version of the access token"},
		{"superseded by nothing", activities.StoreResult{Superseded: true}, "names no version of the refresh token"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, checkStored(c.s)) })
	}
}

func TestCheckRecovery(t *testing.T) {
	found := func(change func(*activities.RefreshResult)) activities.RecoverResult {
		pair := rightPair()
		change(&pair)
		return activities.RecoverResult{Account: account, Found: activities.FoundInHistory, Called: &pair, Stored: &activities.StoreResult{RefreshTokenVersion: "r", AccessTokenVersion: "a"}}
	}
	spent := []vault.Intent{{RunID: "run-1"}, {RunID: "run-5"}}
	read := []activities.Caller{{RunID: "run-1", State: activities.Closed}}
	for _, c := range []struct {
		name  string
		spent []vault.Intent
		r     activities.RecoverResult
		want  string
	}{
		{"nothing found, and no run to read", nil, activities.RecoverResult{Account: account, Searched: 3}, ""},
		{"nothing found in the run on the record", spent, activities.RecoverResult{Account: account, Callers: read}, ""},
		{"nothing at all, and no run to read", nil, activities.RecoverResult{}, "is of another account"},
		{"another account's vault", nil, activities.RecoverResult{Account: token.Account{Provider: "google-health", Name: "bo"}, Found: activities.FoundInVault}, "is of another account"},
		{"that run is gone", spent, activities.RecoverResult{Account: account, Gone: []string{"run-1"}}, ""},
		{"nothing is said of it", spent, activities.RecoverResult{Account: account}, `says nothing of run "run-1"`},
		{"the vault has a newer one", spent, activities.RecoverResult{Account: account, Found: activities.FoundInVault}, ""},
		{"another place", nil, activities.RecoverResult{Account: account, Found: "drawer"}, "was found nowhere that is known"},
		{"a pair of an earlier run", spent, found(func(*activities.RefreshResult) {}), ""},
		{"one that is two generations on", nil, found(func(r *activities.RefreshResult) { r.Provenance.Generation, r.Provenance.Parent = 6, "f5" }), ""},
		{"no pair", nil, activities.RecoverResult{Account: account, Found: activities.FoundInHistory}, "has no pair"},
		{"another account's pair", nil, found(func(r *activities.RefreshResult) { r.Account.Name = "bo" }), "is of another account"},
		{"a pair of a consent that came later", nil, found(func(r *activities.RefreshResult) {
			r.Provenance.Parent, r.Provenance.Consent, r.ObtainedAt = "f9", "f9", now.Add(time.Minute)
		}), ""},
		{"a pair of another consent", nil, found(func(r *activities.RefreshResult) {
			r.Provenance.Parent, r.Provenance.Consent, r.ObtainedAt = "f9", "f9", now.Add(-time.Minute)
		}), "does not descend from generation 4"},
		{"one of a time that is unknown", nil, found(func(r *activities.RefreshResult) { r.Provenance.Parent, r.Provenance.Consent = "f9", "f9" }), "does not descend from generation 4"},
		{"a pair whose words a terminal would obey", nil, found(func(r *activities.RefreshResult) { r.Scopes = []string{"\x1b[2J"} }), ""},
		{"a pair of a generation that no vault shows", nil, found(func(r *activities.RefreshResult) { r.Provenance.Generation = math.MaxInt }), "names a generation above 1000000000"},
		{"a run that a terminal would obey", nil, activities.RecoverResult{Account: account, Gone: []string{"\x1b[2J"}}, unprintable},
		{"a generation that no vault shows", nil, activities.RecoverResult{Account: account, Found: activities.FoundInVault, Generation: math.MaxInt}, "names a generation above 1000000000"},
		{"another user's pair", nil, found(func(r *activities.RefreshResult) { r.UserID = "USER-2" }), "does not descend from generation 4"},
		{"an older pair", nil, found(func(r *activities.RefreshResult) { r.Provenance.Parent, r.Provenance.Generation = "f2", 3 }), "does not descend from generation 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := rightGrant()
			l.MayHaveSpent, l.ObtainedAt, l.UserID = c.spent, now, "USER-1"
			require.Equal(t, c.want, checkRecovery(c.r, l, "run-5"))
		})
	}
	unstored := found(func(*activities.RefreshResult) {})
	unstored.Stored = &activities.StoreResult{}
	require.Equal(t, "names no version of the refresh token", checkRecovery(unstored, rightGrant(), "run-5"))
}
