package keyvault_test

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

func TestOneClientIsChallengedOnce(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	put(t, server, name, value)
	for range 3 {
		_, err := c.Get(t.Context(), name, "")
		require.NoError(t, err)
	}
	require.Equal(t, 1, server.Counts().ByOperation[sim.OpChallenge])
}

func TestVersionsComeInPagesAndInNoOrderOfTime(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	var want []string
	for range 60 {
		want = append(want, put(t, server, name, value))
	}
	versions, err := c.Versions(t.Context(), name)
	require.NoError(t, err)
	var got []string
	for _, v := range versions {
		got = append(got, v.Version)
	}
	require.ElementsMatch(t, want, got)
	require.False(t, slices.Equal(want, got))
	require.Equal(t, 3, server.Counts().ByOperation[sim.OpListVersions])
}

func TestWhatCannotBeReadIsNamedWithTheReason(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	_, err := c.Get(t.Context(), name, "")
	require.EqualError(t, err, "vault: get will-RefreshToken: not found (404 Not Found, SecretNotFound)")

	require.NoError(t, server.SetEnabled(name, put(t, server, name, value), false))
	_, err = c.Get(t.Context(), name, "")
	require.EqualError(t, err, "vault: get will-RefreshToken: disabled (403 Forbidden, SecretDisabled); enable it with az keyvault secret set-attributes --vault-name VAULT --name NAME --enabled true")
}

func TestWhatTheVaultCannotHoldIsRejected(t *testing.T) {
	t.Parallel()
	_, c := start(t, sim.Options{})
	_, err := c.Get(t.Context(), "not_a_name", "")
	require.ErrorIs(t, err, vault.ErrRejected)

	huge := token.NewSecret(string(make([]byte, 26_000)))
	_, err = c.Set(t.Context(), name, huge, vault.Properties{})
	require.ErrorIs(t, err, vault.ErrRejected)
	require.ErrorContains(t, err, "400 Bad Request, BadParameter")
}

func TestANotFoundInsteadOfAnEmptyListIsNoVersions(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		`{"error":{"code":"com.example.NotFoundException","message":"Key not found"}}`: nil,
		`<html>not here</html>`: vault.ErrUnavailable,
	} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		versions, err := emulator(t, server.URL, keyvault.Options{RootCAs: roots}).Versions(t.Context(), name)
		require.Empty(t, versions)
		require.ErrorIs(t, err, want)
	}
}

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
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Recover(ctx, name) }()
	requireAsked(t, server, sim.OpListVersions) // the name is no longer deleted
	cancel()
	require.ErrorIs(t, <-ended, vault.ErrUnavailable, "bounded by the context")

	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "ObjectIsBeingRecovered")
	require.True(t, vault.Retryable(err))
}

// requireAsked waits until a vault has been asked for an operation.
func requireAsked(t *testing.T, server *sim.Server, op sim.Operation) {
	t.Helper()
	require.Eventually(t, func() bool { return server.Counts().ByOperation[op] >= 1 }, 2*time.Minute, 10*time.Millisecond)
}

func TestANameThatIsBeingDeletedIsRefusedThenRecovered(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	server, c := start(t, sim.Options{Now: now, DeletionDelay: time.Hour, RecoveryDelay: 50 * time.Millisecond})
	put(t, server, name, value)
	require.NoError(t, server.Delete(name))

	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "ObjectIsBeingDeleted")
	require.True(t, vault.Retryable(err))
	deleted, err := c.IsDeleted(t.Context(), name)
	require.NoError(t, err)
	require.False(t, deleted, "not yet")

	recovered := make(chan error, 1)
	go func() { recovered <- c.Recover(t.Context(), name) }()
	requireAsked(t, server, sim.OpRecover)
	ahead.Store(int64(time.Hour))
	require.NoError(t, <-recovered)
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
