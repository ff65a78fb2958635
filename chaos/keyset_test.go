package main_test

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/vault"
)

// starters are the programs that were built, by their folder: one.
var starters sync.Map

// starterProgram builds starter beside the worker, once.
func (s *system) starterProgram() string {
	s.t.Helper()
	path := filepath.Join(filepath.Dir(shared.Worker(s.t)), "starter")
	build, _ := starters.LoadOrStore(path, sync.OnceValue(func() error {
		out, err := exec.Command("go", "build", "-o", path, "tokenkeeper/starter").CombinedOutput()
		if err != nil {
			return fmt.Errorf("build starter: %w\n%s", err, out)
		}
		return nil
	}))
	require.NoError(s.t, build.(func() error)())
	return path
}

// starter runs a command of the operator's, wants its exit code, and returns what it printed.
func (s *system) starter(exitCode int, args ...string) string {
	s.t.Helper()
	var cmd *exec.Cmd
	var out []byte
	s.eventually("the server answers the starter", func() bool {
		cmd = exec.CommandContext(s.t.Context(), s.starterProgram(), args...)
		cmd.Env = s.Environment("XDG_STATE_HOME=" + s.t.TempDir())
		var err error
		if out, err = cmd.CombinedOutput(); err != nil {
			require.ErrorAs(s.t, err, new(*exec.ExitError))
		}
		return !strings.Contains(string(out), "no Temporal server answers") // a busy one, for a moment
	})
	require.Equal(s.t, exitCode, cmd.ProcessState.ExitCode(), "starter %v: %s", args, out)
	require.False(s.t, s.secretIn(string(out)), "starter %v printed a secret", args)
	return string(out)
}

// rotate has a new key seal, as an operator does, and returns its number.
func (s *system) rotate() seal.KeyID {
	s.t.Helper()
	s.starter(0, "keys", "rotate")
	return s.primary()
}

// primary is the number of the key that seals.
func (s *system) primary() seal.KeyID {
	s.t.Helper()
	report, err := s.keyring().Inspect(s.t.Context())
	require.NoError(s.t, err)
	return report.Primary
}

// refreshWaiting starts a run and waits until its pair is in its history, and the vault
// takes no new refresh token of this account, and of no other account's.
func (a account) refreshWaiting() run {
	a.t.Helper()
	r := a.refreshHeld()
	a.Vault.Inject(keyvault.Fault{Kind: keyvault.Unavailable, Operation: keyvault.OpSet, Name: a.secret("RefreshToken")})
	a.release()
	r.retries("StoreSecrets", 2)
	return r
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

func TestF18KeysetIsRotatedWhileRunsAreInFlight(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	workers := []*testenv.Worker{s.work(), s.work()}
	waits := s.consent()
	before := waits.refreshWaiting()
	old := before.sealedWith()

	ended := make(chan seal.KeyID, 1)
	go func() {
		defer close(ended) // also where the command fails
		ended <- s.rotate()
	}()
	busy := s.consent()
	rotated := seal.KeyID(0)
	for rotated == 0 {
		busy.refresh().refreshed()
		select {
		case id, ok := <-ended:
			require.True(t, ok, "the rotation failed")
			rotated = id
		case <-time.After(time.Second):
		}
	}
	require.NotEqual(t, old, rotated)
	var newest run
	s.eventually("the workers seal with the new key", func() bool {
		newest = busy.refresh()
		return newest.sealedAfter() == rotated
	})
	newest.lostNothing()

	// What was sealed before needs the old key, and is stored.
	require.Contains(t, s.starter(3, "keys", "retire", fmt.Sprint(old)), "is needed: workflow "+before.id+", run "+before.runID)
	s.Vault.ClearFaults()
	before.refreshed()
	waits.nothingLost(1)
	s.starter(0, "keys", "verify")
	s.starter(0, "keys", "retire", fmt.Sprint(old))
	s.starter(0, "keys", "retire", fmt.Sprint(old), "--destroy", "--yes")
	for _, a := range []account{waits, busy} {
		a.refresh().refreshed()
	}
	late := s.work() // knows what is left of the keyset only
	for _, w := range workers {
		w.Kill()
	}
	waits.refresh().refreshed()
	for _, w := range append(workers, late) {
		require.NotContains(t, w.Output(), "no enabled version of", "a worker met a key that it could not open")
		require.NotContains(t, w.Output(), saysKeyset)
	}
}

func TestF18WorkerThatMissedTheRotationOpensWhatANewerOneSealed(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	link, variable := s.linkToVault()
	temporal, _ := s.workBehindLink(variable)
	temporal.cut()
	link.cut()
	rotated := s.rotate()
	newer := s.work()
	run := a.refreshHeld() // the newer one has sealed the grant
	newer.Kill()
	link.mend()
	temporal.mend()

	run.refreshed()
	require.Equal(t, rotated, run.sealedWith())
	run.providerSaw(grant.Rotated, grant.Replayed)
	run.lostNothing()
}

// saysKeyset is what a worker logs of a keyset that is not to be believed.
const saysKeyset = "the keyset needs a person"

func TestF31KeysetOfAStrangerSealsNothingAndIsTold(t *testing.T) {
	for name, restarted := range map[string]bool{"a worker that runs": false, "a worker that starts": true} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: unforgiving})
			w := s.work()
			waits := s.consent()
			before := waits.refreshWaiting()
			elsewhere := &memvault.Vault{}
			_, err := seal.New(vault.NewKeysets(elsewhere)).Create(t.Context())
			require.NoError(t, err)
			// Beyond the time within which several workers make the first keyset at once.
			s.eventually("the keyset is not new any more", func() bool { return time.Since(s.Vault.Versions(seal.SecretName)[0].Created) > 62*time.Second })
			require.Zero(t, s.metric(w, "tokenkeeper_keyset_changes_total", "cause", "elsewhere"))
			_, err = s.Vault.Put(seal.SecretName, elsewhere.All(seal.SecretName)[0].Value.Reveal())
			require.NoError(t, err)
			if restarted {
				w.Kill()
				w = s.work()
			}
			s.says(w, saysKeyset)
			s.counts(w, 1, "tokenkeeper_keyset_changes_total", "cause", "elsewhere")

			// Nothing is spent, and what was issued before is stored.
			a := s.consent()
			run := a.refresh()
			run.retries("LoadSecrets", 3)
			require.Contains(t, run.pending("LoadSecrets").GetLastFailure().GetMessage(), "nothing is sealed with it")
			require.Zero(t, a.calls())
			s.Vault.ClearFaults()
			before.refreshed()
			waits.nothingLost(1)

			// The rotation begins with the trusted keys on top: all goes on before it has ended.
			rotated := s.rotate()
			run.refreshed()
			require.Equal(t, before.sealedWith(), run.sealedWith())
			a.nothingLost(1)
			s.says(w, "the keyset can be believed again")
			require.NotEqual(t, before.sealedWith(), rotated)
		})
	}
}

func TestF18NothingIsSpentWithoutAKeysetThatOpens(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil, mend func(*system)
		fails, says string
	}{
		"soft-deleted": {
			func(s *system) { require.NoError(s.t, s.Vault.Delete(seal.SecretName)) },
			func(s *system) { s.starter(0, "keys", "init") }, // brings it back
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
			a.refresh().refreshed()
			require.Equal(t, 1, a.calls())
			a.nothingLost(1)
		})
	}
}

// sealedAfter is sealedWith, once the run has ended.
func (r run) sealedAfter() seal.KeyID {
	r.t.Helper()
	r.refreshed()
	return r.sealedWith()
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
	run.refreshed()
	a.nothingLost(1)
}
