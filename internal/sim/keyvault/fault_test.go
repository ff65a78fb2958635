package keyvault_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestFaultsAnswerAsTheRealVaultDoes(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	vault.set(name, value)
	for _, c := range []struct {
		fault  keyvault.Fault
		status int
		code   string
	}{
		{keyvault.Fault{Kind: keyvault.Unavailable}, 503, "ServiceUnavailable"},
		{keyvault.Fault{Kind: keyvault.ReadOnly}, 503, "ServiceUnavailable"},
		{keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpWrites}, 403, "Forbidden/ForbiddenByRbac"},
		{keyvault.Fault{Kind: keyvault.Throttled, RetryAfter: 1500 * time.Millisecond}, 429, "Throttled"},
	} {
		server.Inject(c.fault)
		got := vault.set(name, value)
		require.Equal(t, c.status, got.status)
		require.Equal(t, c.code, got.code())
		if c.status == 429 {
			require.Equal(t, "2", got.header.Get("Retry-After"))
		}
		if c.fault.Kind == keyvault.ReadOnly {
			require.Contains(t, got.text, "read-only state")
		}
		if c.fault.Kind == keyvault.ReadOnly || c.fault.Operation == keyvault.OpWrites {
			require.Equal(t, 200, vault.call("GET", "/secrets/"+name, "").status, "reads pass")
		}
		server.ClearFaults()
	}
	require.Len(t, server.Versions(name), 1)
}

func TestAFaultHitsTheNextMatchingCallsOnly(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	vault.set(name, value)
	vault.set("Another", value)
	server.Inject(keyvault.Fault{Kind: keyvault.Unavailable, Operation: keyvault.OpGet, Name: "refreshTOKEN", Times: 2})

	require.Equal(t, 200, vault.call("GET", "/secrets/Another", "").status)
	require.Equal(t, 200, vault.set(name, value).status)
	var got []int
	for range 3 {
		got = append(got, vault.call("GET", "/secrets/"+name, "").status)
	}
	require.Equal(t, []int{503, 503, 200}, got)
	require.Equal(t, 3, server.Counts().ByName["refreshtoken"][keyvault.OpGet], "calls that a fault hit count")
	require.Equal(t, 2, server.Counts().ByName["refreshtoken"][keyvault.OpSet])
}

func TestConnectionsAreCutWithAndWithoutCommit(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	server.Inject(keyvault.Fault{Kind: keyvault.Reset, Times: 1})
	_, err := vault.try("PUT", withVersion("/secrets/"+name), `{"value":"fake"}`, "Bearer any")
	require.Error(t, err)
	require.Empty(t, server.Versions(name))

	server.Inject(keyvault.Fault{Kind: keyvault.CommitThenCut, Times: 1})
	_, err = vault.try("PUT", withVersion("/secrets/"+name), `{"value":"fake"}`, "Bearer any")
	require.Error(t, err)
	require.Len(t, server.Versions(name), 1)
}

func TestTwoWritersCanBeInterleaved(t *testing.T) {
	t.Parallel() // it waits for the delay
	server, vault := start(t, keyvault.Options{})
	server.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpSet, Times: 1, DelayBefore: 10 * time.Second})
	slow := make(chan answer, 1)
	go func() {
		got, _ := vault.try("PUT", withVersion("/secrets/"+name), `{"value":"fake-slow"}`, "Bearer any")
		slow <- got
	}()
	eventually(t, func() bool { return server.Counts().ByOperation[keyvault.OpSet] == 1 })
	require.Equal(t, 200, vault.set(name, "fake-fast").status)
	require.Equal(t, 200, (<-slow).status)
	versions := server.Versions(name)
	require.Equal(t, []string{"fake-fast", "fake-slow"}, []string{versions[0].Value, versions[1].Value})
}

func TestADelayAfterTheCommitShowsTheCommit(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	server.Inject(keyvault.Fault{Kind: keyvault.Delay, DelayAfter: time.Minute})
	cut := make(chan error, 1)
	go func() {
		_, err := vault.try("PUT", withVersion("/secrets/"+name), `{"value":"fake"}`, "Bearer any")
		cut <- err
	}()
	eventually(t, func() bool { return len(server.Versions(name)) == 1 })
	server.Stop()
	require.Error(t, <-cut, "stopping ends what is delayed")
}

func TestACallOutlivesItsClient(t *testing.T) {
	t.Parallel() // it waits for the delay
	server, vault := start(t, keyvault.Options{})
	server.Inject(keyvault.Fault{Kind: keyvault.Delay, Times: 1, DelayBefore: 10 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := vault.tryUntil(ctx, "PUT", withVersion("/secrets/"+name), `{"value":"fake"}`, "Bearer any")
		failed <- err
	}()
	eventually(t, func() bool { return server.Counts().ByOperation[keyvault.OpSet] == 1 })
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	eventually(t, func() bool { return len(server.Versions(name)) == 1 })
}
