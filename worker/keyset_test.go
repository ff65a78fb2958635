package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
)

func TestTheFirstWorkerMakesTheKeysetAndTheNextOneTakesIt(t *testing.T) {
	s := newSystem(t)
	require.Empty(t, s.Vault.Versions(seal.SecretName))
	first := s.work()
	first.logged("created the keyset for sealing", 1)
	first.logged("audit", 1)
	require.Len(t, s.Vault.Versions(seal.SecretName), 1)
	require.NotContains(t, s.work().Output(), "created the keyset")
	require.Len(t, s.Vault.Versions(seal.SecretName), 1)
}

func TestWorkersThatStartTogetherOnAnEmptyVaultOpenWhatTheOtherSealed(t *testing.T) {
	s := newSystem(t)
	one, other := s.launch(), s.launch()
	require.NoError(t, one.Ready(t.Context()))
	require.NoError(t, other.Ready(t.Context()))
	var accounts []string
	for range 5 { // whose steps the two share
		accounts = append(accounts, s.consent())
		s.refreshes(accounts[len(accounts)-1])
	}
	one.Kill()
	for _, account := range accounts {
		s.refreshes(account)
	}
	late := s.work()
	other.Kill()
	for _, account := range accounts {
		s.refreshes(account)
	}
	require.NotContains(t, late.Output(), "created the keyset")
}
