package main_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// rotate adds a key to the keyset and has it seal from now on. An operator would
// wait for the workers' caches in between; the rows do not, which is harder.
func (s *system) rotate() seal.KeyID {
	s.t.Helper()
	keyring := s.keyring()
	id, err := keyring.AddKey(s.t.Context())
	require.NoError(s.t, err)
	require.NoError(s.t, keyring.Promote(s.t.Context(), id))
	return id
}

// sealedWith is the key that the run's pair is sealed with: Tink puts its number
// behind the first byte of an envelope.
func (r run) sealedWith() seal.KeyID {
	r.t.Helper()
	for _, e := range r.history() {
		var called activities.RefreshResult
		result := e.GetActivityTaskCompletedEventAttributes().GetResult()
		if converter.GetDefaultDataConverter().FromPayloads(result, &called) == nil && len(called.Pair) > 5 {
			return seal.KeyID(binary.BigEndian.Uint32(called.Pair[1:5]))
		}
	}
	r.t.Fatal("the history holds no pair")
	return 0
}

func TestF18PairSealedBeforeTheKeysetWasRotatedIsStoredAfterwards(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	run := a.unstored()
	rotated := s.rotate()
	require.NotEqual(t, rotated, run.sealedWith())
	s.work() // knows the rotated keyset only

	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	a.nothingLost(1)
	next := a.refresh()
	require.Equal(t, workflows.Refreshed, next.result().Outcome)
	require.Equal(t, rotated, next.sealedWith())
	a.nothingLost(2)
}

func TestF18WorkerWithTheOldKeysetOpensWhatANewerOneSealed(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	temporal, _ := s.workBehindLink()
	temporal.cut()
	rotated := s.rotate()
	newer := s.work()
	run := a.refreshHeld() // the newer one has sealed the grant
	newer.Kill()
	temporal.mend()

	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	require.Equal(t, rotated, run.sealedWith())
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Replayed}, a.outcomes())
	a.nothingLost(1)
}

func TestF18NothingIsSpentWithoutAKeysetThatOpens(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil, mend func(*system)
		fails, says string
	}{
		"soft-deleted": {
			func(s *system) { require.NoError(s.t, s.Vault.Delete(seal.SecretName)) },
			func(s *system) { s.az("POST", "/deletedsecrets/"+seal.SecretName+"/recover") },
			activities.MissingSecret, "bring it back with: az keyvault secret recover --vault-name VAULT --name " + seal.SecretName,
		},
		"corrupt": {
			func(s *system) {
				require.NoError(s.t, s.Vault.SetEnabled(seal.SecretName, s.Vault.Versions(seal.SecretName)[0].ID, false))
				_, err := s.Vault.Put(seal.SecretName, "a keyset no more")
				require.NoError(s.t, err)
			},
			func(s *system) {
				require.NoError(s.t, s.Vault.SetEnabled(seal.SecretName, s.Vault.Versions(seal.SecretName)[0].ID, true))
			},
			activities.KeysetUnusable, "enable an intact older version",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			a := s.consent()
			s.work()
			read := time.Now()
			consented := s.Held(a.name)
			c.spoil(s)
			// The worker may seal with the copy that it has for as long as it can tell
			// that the keyset was there.
			s.eventually("the worker's copy is too old", func() bool { return time.Since(read) > seal.CacheLife })

			failure := a.refresh().failure()
			require.Equal(t, c.fails, failure.Type)
			require.Contains(t, failure.Message, seal.SecretName)
			require.Contains(t, failure.Message, c.says)
			require.Zero(t, a.calls())
			a.untouched(consented, 1)

			c.mend(s)
			s.eventually("the keyset opens again", func() bool { return s.keyring().Ready(t.Context()) == nil })
			require.Equal(t, workflows.Refreshed, a.refresh().result().Outcome)
			require.Equal(t, 1, a.calls())
			a.nothingLost(1)
		})
	}
}

func TestF18WorkerDoesNotReplaceADeletedKeyset(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	run := a.unstored()
	require.NoError(t, s.Vault.Delete(seal.SecretName))
	refusing, err := s.LaunchWorker(nil)
	require.NoError(t, err)
	s.exits(refusing, 1)
	require.True(t, strings.Contains(refusing.Output(), "bring it back with: az keyvault secret recover --vault-name VAULT --name "+seal.SecretName), refusing.Output())
	require.Len(t, s.Vault.Versions(seal.SecretName), 1)

	s.az("POST", "/deletedsecrets/"+seal.SecretName+"/recover")
	s.eventually("the keyset opens again", func() bool { return s.keyring().Ready(t.Context()) == nil })
	s.work()
	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	a.nothingLost(1)
}
