package keyvault_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestASoftDeletedNameTakesNoWriteUntilRecovered(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{RecoveryDelay: 400 * time.Millisecond})
	version := put(t, server, name, value)
	deleted, err := c.IsDeleted(t.Context(), name)
	require.NoError(t, err)
	require.False(t, deleted)

	require.NoError(t, server.Delete(name))
	deleted, err = c.IsDeleted(t.Context(), name)
	require.NoError(t, err)
	require.True(t, deleted)
	_, err = c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrNotFound)
	_, err = c.Set(t.Context(), name, token.NewSecret("fake-refresh-token-2"), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrDeleted)

	require.NoError(t, c.Recover(t.Context(), name))
	_, err = c.Set(t.Context(), name, token.NewSecret("fake-refresh-token-2"), vault.Properties{})
	require.NoError(t, err, "Recover returns only when writes go through")
	old, err := c.Get(t.Context(), name, version)
	require.NoError(t, err)
	require.Equal(t, value, old.Value.Reveal())
	require.Len(t, server.Versions(name), 2, "probing for writability makes no version")
}

func TestWritesDuringRecoveryMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{RecoveryDelay: time.Hour})
	put(t, server, name, value)
	require.NoError(t, server.Delete(name))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorIs(t, c.Recover(ctx, name), vault.ErrUnavailable, "bounded by the context")

	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "ObjectIsBeingRecovered")
	require.True(t, vault.Retryable(err))
}

func TestANameThatIsBeingDeletedIsRefusedThenRecovered(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{DeletionDelay: 700 * time.Millisecond, RecoveryDelay: 50 * time.Millisecond})
	put(t, server, name, value)
	require.NoError(t, server.Delete(name))

	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "ObjectIsBeingDeleted")
	require.True(t, vault.Retryable(err))
	deleted, err := c.IsDeleted(t.Context(), name)
	require.NoError(t, err)
	require.False(t, deleted, "not yet")

	require.NoError(t, c.Recover(t.Context(), name))
	_, err = c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.NoError(t, err)
}

func TestTwoMayRecoverTheSameName(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{RecoveryDelay: 50 * time.Millisecond})
	put(t, server, name, value)
	require.NoError(t, server.Delete(name))
	require.NoError(t, c.Recover(t.Context(), name))
	require.NoError(t, c.Recover(t.Context(), name), "a live name needs no recovery")
}

func TestRecoveryReportsWhatStopsIt(t *testing.T) {
	t.Parallel()
	for _, hit := range []sim.Operation{sim.OpRecover, sim.OpListVersions, sim.OpUpdate} {
		server, c := start(t, sim.Options{RecoveryDelay: 50 * time.Millisecond})
		put(t, server, name, value)
		require.NoError(t, server.Delete(name))
		server.Inject(sim.Fault{Kind: sim.Denied, Operation: hit})
		require.ErrorIs(t, c.Recover(t.Context(), name), vault.ErrDenied, hit)
	}
}
