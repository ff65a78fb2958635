package keyvault_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// every calls each method of the interface once, all at the same time.
func every(ctx context.Context, c *keyvault.Client, version string) map[string]error {
	calls := map[string]func() error{
		"get": func() error { _, err := c.Get(ctx, name, ""); return err },
		"set": func() error {
			_, err := c.Set(ctx, name, token.NewSecret("fake-refresh-token-2"), vault.Properties{})
			return err
		},
		"tag":         func() error { return c.SetTags(ctx, name, version, map[string]string{"a": "b"}) },
		"disable":     func() error { return c.DisableVersion(ctx, name, version) },
		"list":        func() error { _, err := c.Versions(ctx, name); return err },
		"get deleted": func() error { _, err := c.IsDeleted(ctx, name); return err },
		"recover":     func() error { return c.Recover(ctx, name) },
	}
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		errs = map[string]error{}
	)
	for op, call := range calls {
		wg.Go(func() {
			err := call()
			mu.Lock()
			defer mu.Unlock()
			errs[op] = err
		})
	}
	wg.Wait()
	return errs
}

func TestEveryMethodNamesTheFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault sim.Kind
		kind  error
		says  string
	}{
		{sim.Unavailable, vault.ErrUnavailable, "503 Service Unavailable"},
		{sim.Denied, vault.ErrDenied, `403 Forbidden, ForbiddenByRbac); grant this identity the role "Key Vault Secrets Officer"`},
		{sim.DeniedByAccessPolicy, vault.ErrDenied, "403 Forbidden, ForbiddenByPolicy); give this identity get, list, set and recover"},
		{sim.DeniedByConnection, vault.ErrDenied, "403 Forbidden, ForbiddenByConnection); the vault takes calls by private endpoint only"},
		{sim.DeniedByFirewall, vault.ErrDenied, "403 Forbidden, ForbiddenByFirewall); let this machine's address"},
		{sim.KeyUnresolved, vault.ErrUnavailable, "401 Unauthorized, AKV10046"},
		{sim.Throttled, vault.ErrThrottled, "429 Too Many Requests"},
		{sim.Reset, vault.ErrUnavailable, "no whole answer from 127.0.0.1:"},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			t.Parallel()
			server, client := start(t, sim.Options{})
			version := put(t, server, name, value)
			server.Inject(sim.Fault{Kind: c.fault})
			for op, err := range every(t.Context(), client, version) {
				require.ErrorIs(t, err, c.kind, op)
				require.ErrorContains(t, err, "vault: "+op+" "+name+": ")
				require.ErrorContains(t, err, c.says)
				require.NotContains(t, err.Error(), "fake-refresh-token")
				require.True(t, vault.Retryable(err))
			}
			require.Len(t, server.Versions(name), 1)
		})
	}
}

func TestAReadOnlyVaultIsReadAndTakesNoWrites(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	version := put(t, server, name, value)
	server.Inject(sim.Fault{Kind: sim.ReadOnly})

	_, err := c.Get(t.Context(), name, "")
	require.NoError(t, err)
	require.ErrorIs(t, c.SetTags(t.Context(), name, version, nil), vault.ErrReadOnly)
	_, err = c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.ErrorIs(t, err, vault.ErrReadOnly)
	require.True(t, vault.Retryable(err))
}

func TestAShortOutageIsBridged(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	put(t, server, name, value)
	for _, kind := range []sim.Kind{sim.Unavailable, sim.Reset} {
		server.Inject(sim.Fault{Kind: kind, Operation: sim.OpGet, Times: 2})
		_, err := c.Get(t.Context(), name, "")
		require.NoError(t, err, kind)
	}
}

func TestRetryAfterIsObeyedWhenItIsShort(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	server.Inject(sim.Fault{Kind: sim.Throttled, Operation: sim.OpSet, Times: 1, RetryAfter: time.Second})
	began := time.Now()
	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	require.Len(t, server.Versions(name), 1)
}

func TestALongRetryAfterIsLeftToTheCaller(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	server.Inject(sim.Fault{Kind: sim.Throttled, RetryAfter: 4 * time.Minute})
	began := time.Now()
	_, err := c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrThrottled)
	require.ErrorContains(t, err, "retry after 4m0s")
	require.Less(t, time.Since(began), soon)
	require.Equal(t, 1, server.Counts().ByOperation[sim.OpGet])
}

// A second PUT would be a second version of one generation.
func TestAWriteOfUnknownFateIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, kind := range []sim.Kind{sim.CommitThenCut, sim.Reset, sim.Unavailable} {
		server, c := start(t, sim.Options{})
		server.Inject(sim.Fault{Kind: kind, Operation: sim.OpSet, Times: 1})
		_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
		require.ErrorIs(t, err, vault.ErrUnavailable, kind)
		require.Equal(t, 1, server.Counts().ByOperation[sim.OpSet], kind)
		versions, err := c.Versions(t.Context(), name)
		require.NoError(t, err)
		if kind == sim.CommitThenCut {
			require.Len(t, versions, 1, "the caller finds it by reading again")
		} else {
			require.Empty(t, versions)
		}
	}
}

func TestAStoppedVaultIsUnavailableAndComesBackWithItsContent(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	put(t, server, name, value)
	server.Stop()
	_, err := c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "refuses connections")
	require.ErrorContains(t, err, "KEY_VAULT_URL")

	require.NoError(t, server.Resume())
	read, err := c.Get(t.Context(), name, "")
	require.NoError(t, err)
	require.Equal(t, value, read.Value.Reveal())
}

func TestAWriteIsRepeatedWhileConnectionsAreRefused(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	server.Stop()
	resumed := make(chan error, 1)
	time.AfterFunc(300*time.Millisecond, func() { resumed <- server.Resume() })
	_, err := c.Set(t.Context(), name, token.NewSecret(value), vault.Properties{})
	require.NoError(t, <-resumed)
	require.NoError(t, err)
	require.Len(t, server.Versions(name), 1)
}

func TestTheCallersContextEndsACall(t *testing.T) {
	t.Parallel()
	server, c := start(t, sim.Options{})
	put(t, server, name, value)
	server.Inject(sim.Fault{Kind: sim.Delay, DelayBefore: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	for op, err := range every(ctx, c, "00000000000000000000000000000000") {
		require.ErrorIs(t, err, vault.ErrUnavailable, op)
		require.ErrorContains(t, err, "given up before 127.0.0.1:")
	}
	require.Less(t, time.Since(began), soon)
}
