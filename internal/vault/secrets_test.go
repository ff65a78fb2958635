package vault_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/vault"
)

func TestErrorsSayWhatOnWhatWhyAndTheFix(t *testing.T) {
	err := &vault.Error{Op: "set", Name: "will-RefreshToken", Kind: vault.ErrDenied, Detail: "403 Forbidden", Fix: `grant the worker "Key Vault Secrets Officer"`}
	require.EqualError(t, err, `vault: set will-RefreshToken: access denied (403 Forbidden); grant the worker "Key Vault Secrets Officer"`)
	require.EqualError(t, &vault.Error{Op: "get", Name: "RefreshToken", Kind: vault.ErrNotFound}, "vault: get RefreshToken: not found")
}

func TestOnlyWhatWaitingMendsIsRetryable(t *testing.T) {
	for _, kind := range []error{vault.ErrDenied, vault.ErrReadOnly, vault.ErrThrottled, vault.ErrUnavailable, errors.New("anything else")} {
		require.True(t, vault.Retryable(&vault.Error{Kind: kind}), "%v", kind)
	}
	for _, kind := range []error{
		vault.ErrNotFound, vault.ErrDeleted, vault.ErrDisabled, vault.ErrCredential, vault.ErrRejected, vault.ErrMalformed, vault.ErrConflict,
	} {
		require.False(t, vault.Retryable(&vault.Error{Kind: kind}), "%v", kind)
	}
}
