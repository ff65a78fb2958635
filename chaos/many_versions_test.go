package main_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
)

// A vault that has been rotated into for years: after a new consent all of its versions
// are listed, on pages of 25.
func TestF29ThousandsOfVersionsOnSlowPagesAreListedToTheirEnd(t *testing.T) {
	const (
		versions = 3000
		page     = 525 * time.Millisecond // 63 s in all: more than an attempt at a vault may do nothing
	)
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	consented := s.Held(a.name)
	secret := a.secret("RefreshToken")
	var rotated []keyvault.Version
	consent := fingerprint("fake-old-0")
	for g := range versions {
		value := fmt.Sprintf("fake-old-%d", g)
		tags := map[string]string{
			"generation": strconv.Itoa(g), "fingerprint": fingerprint(value), "consent": consent, "provider": "fitbit", "account": a.name,
		}
		if g > 0 {
			tags["parent"] = fingerprint(fmt.Sprintf("fake-old-%d", g-1))
		}
		rotated = append(rotated, keyvault.Version{Value: value, Tags: tags, Created: time.Now().Add(time.Duration(g-versions) * 8 * time.Hour)})
	}
	require.NoError(t, s.Vault.Seed(secret, rotated...))
	a.put(consented)
	s.workProven() // so that the load lists once, and no more for its proof
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpListVersions, Name: secret, DelayBefore: page})
	run := a.refresh()

	run.refreshed()
	run.callsOnce()
	a.holdsLive()
	require.GreaterOrEqual(t, run.loaded().VersionsRead, versions)
	// Where the tags at hand suffice, nothing is listed.
	listed := s.vaultCalls(secret, keyvault.OpListVersions)
	a.refresh().refreshed()
	require.Equal(t, listed, s.vaultCalls(secret, keyvault.OpListVersions), "pages listed by the next run")
}

// loaded is what the run's first load has returned.
func (r run) loaded() (l activities.LoadResult) {
	r.t.Helper()
	r.completed("LoadSecrets")
	scheduled := map[int64]bool{}
	for _, e := range r.history() {
		if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == "LoadSecrets" {
			scheduled[e.GetEventId()] = true
		}
		if done := e.GetActivityTaskCompletedEventAttributes(); done != nil && scheduled[done.GetScheduledEventId()] {
			require.NoError(r.t, converter.GetDefaultDataConverter().FromPayloads(done.GetResult(), &l))
			return l
		}
	}
	r.t.Fatal("LoadSecrets has no result")
	return l
}
