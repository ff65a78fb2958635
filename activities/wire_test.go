package activities_test

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	azure "tokenkeeper/internal/vault/keyvault"
)

// newSystemOverTLS has its vault behind Key Vault's wire protocol.
func newSystemOverTLS(t *testing.T) (*system, *keyvault.Server) {
	t.Helper()
	sim, err := keyvault.Start(keyvault.Options{})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(sim.CertificatePEM()))
	client, err := azure.New(azure.Options{URL: sim.URL(), Credential: azure.CredentialEmulator, RootCAs: roots})
	require.NoError(t, err)
	s := newSystemWith(t, setup{secrets: client})
	refresh, _ := s.provider.CreateGrant("USER-1")
	for name, value := range map[string]string{"FitbitCredentials": credentials, "RefreshToken": refresh} {
		_, err := sim.Put(name, value)
		require.NoError(t, err)
	}
	return s, sim
}

func TestARefreshOverTheWire(t *testing.T) {
	s, sim := newSystemOverTLS(t)
	called := s.issued()
	stored, err := s.store(called)
	require.NoError(t, err)
	versions := sim.Versions("RefreshToken")
	require.Len(t, versions, 2)
	require.Equal(t, versions[1].ID, stored.RefreshTokenVersion)
	require.Equal(t, called.Provenance.Fingerprint, token.NewSecret(versions[1].Value).Fingerprint())
	require.True(t, s.provider.IsLive(versions[1].Value))
}

func TestAVaultThatCannotKeepAPairHasNothingSpent(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(*keyvault.Server)
		say    string
	}{
		{"read-only, as in a failover", func(v *keyvault.Server) { v.Inject(keyvault.Fault{Kind: keyvault.ReadOnly}) }, vault.ErrReadOnly.Error()},
		{"denies writes", func(v *keyvault.Server) {
			v.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpWrites})
		}, `grant this identity the role "Key Vault Secrets Officer"`},
		{"throttles", func(v *keyvault.Server) { v.Inject(keyvault.Fault{Kind: keyvault.Throttled}) }, vault.ErrThrottled.Error()},
		{"is down", (*keyvault.Server).Stop, "refuses connections"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the client waits between its tries
			s, sim := newSystemOverTLS(t)
			c.breaks(sim)
			_, err := s.load(attempt{})
			require.Contains(t, requireFailure(t, err, "VaultNotReady", false), c.say)
			require.Empty(t, sim.Versions("RefreshToken")[0].Tags)
		})
	}
}

// A keyset that is slow to come must not push the request to where the next
// attempt would already be at work.
func TestASlowKeysetEndsTheAttemptBeforeItsRequest(t *testing.T) {
	t.Parallel()
	s, sim := newSystemOverTLS(t)
	loaded := s.mustLoad()
	sim.Inject(keyvault.Fault{Kind: keyvault.Delay, Name: seal.SecretName, DelayBefore: activities.CallTimeout})
	s.coldKeyring()
	requireFailure(t, s.call(attempt{}, loaded), "VaultNotReady", false)
	require.Zero(t, s.provider.Stats().Total.Refreshes)
}
