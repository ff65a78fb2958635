package vault_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// What comes between the load, the last read and the write is not lost, and nothing is
// spent: the record fails, and is made for what the next load finds, on top again.
func TestAProofBuriesNothing(t *testing.T) {
	for name, came := range map[string]func(*fixture) string{
		"a consent by hand": func(r *fixture) string {
			r.secrets.Put(names.RefreshToken, fresh)
			return fresh
		},
		"a consent": func(r *fixture) string {
			r.consent(token.Pair{RefreshToken: token.NewSecret(fresh), AccessToken: token.NewSecret("fake-access-new")})
			return fresh
		},
		"a later generation": func(r *fixture) string {
			r.store(old.entry(6))
			return old.refresh(6).Reveal()
		},
	} {
		for call := 1; call <= 2; call++ { // before the last read, and before the write
			r := open(t)
			r.secrets.Now = seconds()
			r.upTo(old, 5)
			current, _ := r.load()
			started := vault.New(r.secrets)
			var want string
			r.at(call, func() {
				r.secrets.Before = nil
				want = came(r)
			})
			err := started.RecordIntent(t.Context(), names, account, current, run, nil)
			require.ErrorIs(t, err, vault.ErrUnavailable, "%s before call %d", name, call)
			current, _, err = started.Load(t.Context(), names, 0)
			require.NoError(t, err)
			require.Equal(t, want, current.Value.Reveal())
			require.Equal(t, token.Generation(6), current.Generation)
			require.NoError(t, started.RecordIntent(t.Context(), names, account, current, run, nil))
			require.Equal(t, want, r.top(names.RefreshToken).Value.Reveal(), "%s before call %d", name, call)
		}
	}
}

// An intent is a change of tags and makes no version.
func TestAProofDoesNotEraseAnothersIntent(t *testing.T) {
	for name, proves := range map[string]bool{"the one that proves": true, "one that waited for the proof of another": false} {
		synctest.Test(t, func(t *testing.T) {
			r := openUnproven(t)
			r.upTo(old, 2)
			started := vault.New(r.secrets)
			current, _, err := started.Load(t.Context(), names, 0)
			require.NoError(t, err)
			if !proves {
				n, ofN := r.loaded("other", vault.Properties{})
				r.secrets.Before = func(op, name string) error {
					if op == "set" && name == n.RefreshToken {
						time.Sleep(time.Second)
					}
					return nil
				}
				go func() { _ = started.RecordIntent(t.Context(), n, account, ofN, run, nil) }()
				synctest.Wait()
			}
			go func() {
				time.Sleep(time.Second / 2)
				_ = r.vault.RecordIntent(t.Context(), names, account, current, vault.Run{RunID: "run-of-another"}, nil)
			}()
			if proves {
				time.Sleep(time.Second)
			}
			err = started.RecordIntent(t.Context(), names, account, current, run, nil)
			require.ErrorIs(t, err, vault.ErrUnavailable, name)
			require.Equal(t, "run-of-another", r.top(names.RefreshToken).Tags["refresh-run-id"], name)
			time.Sleep(time.Minute)
			current, _, err = started.Load(t.Context(), names, 0)
			require.NoError(t, err)
			require.NoError(t, started.RecordIntent(t.Context(), names, account, current, run, current.Intents()))
			require.Contains(t, r.top(names.RefreshToken).Tags["refresh-earlier-run"], "run-of-another")
		})
	}
}

// The consent came between the proof's read and its write, and nothing after the write
// came about.
func TestAConsentThatAProofCoversIsFoundWhateverBecomesOfTheProof(t *testing.T) {
	for name, fails := range map[string]string{
		"its answer is lost":            "set",
		"it dies, or its listing fails": "list",
		"the consent's read fails":      "get after set",
	} {
		for _, again := range []bool{false, true} { // the first worker, or another one
			for _, twice := range []bool{false, true} { // its copy of the token is written once more
				r := open(t)
				r.secrets.Now = seconds()
				r.upTo(old, 5)
				current, _ := r.load()
				started := vault.New(r.secrets)
				r.at(2, func() {
					r.secrets.Before = nil
					r.secrets.Put(names.RefreshToken, fresh)
				})
				did := ""
				r.secrets.After = func(op, _ string) error {
					if op == fails || op+" after "+did == fails {
						return &vault.Error{Kind: vault.ErrUnavailable}
					}
					if op != "list" {
						did = op
					}
					return nil
				}
				require.ErrorIs(t, started.RecordIntent(t.Context(), names, account, current, run, nil), vault.ErrUnavailable)
				require.Equal(t, old.refresh(5), r.top(names.RefreshToken).Value, "the consent is covered")
				r.secrets.Before, r.secrets.After = nil, nil
				if twice {
					proof := r.top(names.RefreshToken)
					_, err := r.secrets.Set(t.Context(), names.RefreshToken, proof.Value, proof.Properties)
					require.NoError(t, err)
				}

				next := vault.New(r.secrets)
				if again {
					next = started
				}
				found, _, err := next.Load(t.Context(), names, 0)
				require.NoError(t, err)
				require.Equal(t, fresh, found.Value.Reveal(), name)
				require.Equal(t, token.Generation(6), found.Generation)
				require.NoError(t, next.RecordIntent(t.Context(), names, account, found, run, nil))
				require.Equal(t, fresh, r.top(names.RefreshToken).Value.Reveal(), "on top again")
				found, _, err = next.Load(t.Context(), names, 0)
				require.NoError(t, err)
				require.Equal(t, fresh, found.Value.Reveal())
				require.True(t, r.store(old.entry(6)).Superseded, "what was in flight yields to it")
				r.store(issuedFor(found, "new-7"))
			}
		}
	}
}

// Where nothing was covered, the next record ends the doubt.
func TestALoadListsOnceAfterAProof(t *testing.T) {
	r := openUnproven(t)
	r.secrets.Put(names.RefreshToken, "fake-refresh-old-0")
	started := vault.New(r.secrets)
	r.store(old.entry(1))
	current, _, err := started.Load(t.Context(), names, 0)
	require.NoError(t, err)
	require.NoError(t, started.RecordIntent(t.Context(), names, account, current, run, nil))
	for _, lists := range []int{1, 0} {
		calls := r.counts()
		current, _, err = started.Load(t.Context(), names, 0)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), current.IntentAt, time.Minute)
		require.NoError(t, started.RecordIntent(t.Context(), names, account, current, run, nil))
		require.Equal(t, lists, calls["list "+names.RefreshToken])
	}
}
