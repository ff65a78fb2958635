package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
)

// refusals refuse new versions. Tags of those that are there may be changed.
var refusals = map[string]struct {
	keyvault.Fault
	says string
}{
	"an Azure Policy":   {keyvault.Fault{Kind: keyvault.DeniedByAzurePolicy}, "olicy"},
	"a role":            {keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpSet}, `"Key Vault Secrets Officer"`},
	"an access policy":  {keyvault.Fault{Kind: keyvault.DeniedByAccessPolicy, Operation: keyvault.OpSet}, "access policy"},
	"an exceeded quota": {keyvault.Fault{Kind: keyvault.Throttled, Operation: keyvault.OpSet, RetryAfter: time.Second}, "429"},
}

func TestF25VaultThatRefusesNewVersionsLeavesTheTokenUnspent(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: noReplay})
			a := s.consent()
			s.work() // which keeps its keyset in the vault
			s.Vault.Inject(refusal.Fault)
			run := a.refresh()
			run.retries("LoadSecrets", 2)
			require.Contains(t, run.pending("LoadSecrets").GetLastFailure().GetMessage(), refusal.says)
			require.Zero(t, a.calls())
			s.Vault.ClearFaults()

			run.refreshed()
			require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
			a.holdsLive()
		})
	}
}

// A vault that has taken writes of this worker is believed until it refuses one.
func TestF25RefusalOfAPairHasTheNextTokensKept(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	s.work()
	second := s.consent()
	var first account
	var run run
	s.inTime(func() (inTime bool) {
		first = s.consent()
		run = first.refreshHeld()
		s.Vault.Inject(keyvault.Fault{Kind: keyvault.DeniedByAzurePolicy})
		if inTime = first.released(); !inTime {
			s.Vault.ClearFaults()
		}
		return inTime
	})
	run.retries("StoreSecrets", 3)
	require.Contains(t, run.pending("StoreSecrets").GetLastFailure().GetMessage(), "olicy")
	other := second.refresh()
	other.retries("LoadSecrets", 2)
	require.Zero(t, second.calls())
	s.Vault.ClearFaults()

	run.refreshed()
	other.refreshed()
	first.holdsLive()
	second.holdsLive()
}

func TestF25WhatTheOwnerHasSetIsOnTheNewVersionsAndTwoAreWrittenPerRefresh(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	a := s.consent()
	refreshToken := s.Held(a.name)
	ends := time.Now().Add(90 * 24 * time.Hour).UTC().Truncate(time.Second)
	owned := keyvault.Version{ContentType: "text/plain", Tags: map[string]string{"cost-center": "4711"}, Expires: ends}
	owned.Value = refreshToken
	require.NoError(t, s.Vault.Seed(a.secret("RefreshToken"), owned))
	owned.Value, owned.Expires = "fake-before-the-first-refresh", time.Time{}
	require.NoError(t, s.Vault.Seed(a.secret("AccessToken"), owned))
	s.work()
	a.refresh().result()
	created := s.Vault.Counts().ByOperation[keyvault.OpSet]
	for range 3 {
		a.refresh().refreshed()
	}

	require.Equal(t, created+3*2, s.Vault.Counts().ByOperation[keyvault.OpSet], "new versions")
	for _, kind := range []string{"RefreshToken", "AccessToken"} {
		versions := s.Vault.Versions(a.secret(kind))
		for _, v := range versions[len(versions)-3:] {
			require.Equal(t, "text/plain", v.ContentType, kind)
			require.Equal(t, "4711", v.Tags["cost-center"], kind)
			require.False(t, v.Expires.IsZero(), "%s: a policy may demand that it ends", kind)
		}
	}
	a.holdsLive()
}
