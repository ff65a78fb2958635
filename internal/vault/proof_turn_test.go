package vault_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// loaded puts another account's refresh token into the vault and loads it.
func (r *fixture) loaded(name string, p vault.Properties) (vault.Names, vault.RefreshToken) {
	r.t.Helper()
	n := vault.Names{RefreshToken: name + "-RefreshToken", AccessToken: name + "-AccessToken", Provider: "fitbit"}
	_, err := r.secrets.Set(r.t.Context(), n.RefreshToken, token.NewSecret("fake-refresh-"+name), p)
	require.NoError(r.t, err)
	current, _, err := r.vault.Load(r.t.Context(), n, 0)
	require.NoError(r.t, err)
	return n, current
}

// A load waits in an activity's slot, which a call inside its window may need.
func TestAProofThatHangsHoldsOthersUpForSecondsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openUnproven(t)
		r.vault = vault.New(hangingSet{r.secrets})
		a, ofA := r.loaded("a", vault.Properties{})
		b, ofB := r.loaded("b", vault.Properties{})
		var holder error
		var held time.Duration
		begun := time.Now()
		go func() {
			holder = r.vault.RecordIntent(t.Context(), a, account, ofA, run, nil)
			held = time.Since(begun)
		}()
		synctest.Wait()
		err := r.vault.RecordIntent(t.Context(), b, account, ofB, run, nil)
		require.ErrorIs(t, err, vault.ErrUnavailable)
		require.ErrorContains(t, err, "another load is proving")
		require.True(t, vault.Retryable(err))
		require.LessOrEqual(t, time.Since(begun), 5*time.Second)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.ErrorIs(t, holder, vault.ErrUnavailable)
		require.LessOrEqual(t, held, 25*time.Second)
	})
}

// hangingSet is a vault that answers no write of a value.
type hangingSet struct{ vault.Secrets }

func (hangingSet) Set(ctx context.Context, name string, _ token.Secret, _ vault.Properties) (vault.Properties, error) {
	<-ctx.Done()
	return vault.Properties{}, &vault.Error{Op: "set", Name: name, Kind: vault.ErrUnavailable}
}

// The listing after a proof may take minutes.
func TestTheTurnToProveEndsWithTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openUnproven(t)
		a, ofA := r.loaded("a", vault.Properties{})
		b, ofB := r.loaded("b", vault.Properties{ContentType: "text/plain"}) // proves for itself
		r.secrets.Before = func(op, name string) error {
			if op == "list" && name == a.RefreshToken {
				time.Sleep(time.Hour)
			}
			return nil
		}
		go func() { _ = r.vault.RecordIntent(t.Context(), a, account, ofA, run, nil) }()
		synctest.Wait()
		require.NoError(t, r.vault.RecordIntent(t.Context(), b, account, ofB, run, nil))
		time.Sleep(2 * time.Hour)
	})
}

func TestARefusedNameKeepsNoOtherFromWorking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openUnproven(t)
		bad, ofBad := r.loaded("bad", vault.Properties{})
		good, ofGood := r.loaded("good", vault.Properties{})
		hang := false
		r.secrets.Before = func(op, name string) error {
			if op != "set" || name != bad.RefreshToken {
				return nil
			}
			if hang {
				time.Sleep(time.Hour)
			}
			return &vault.Error{Op: op, Name: name, Kind: vault.ErrDenied}
		}
		require.ErrorIs(t, r.vault.RecordIntent(t.Context(), bad, account, ofBad, run, nil), vault.ErrDenied)
		require.NoError(t, r.vault.RecordIntent(t.Context(), good, account, ofGood, run, nil))
		versions := len(r.values(good.RefreshToken))
		again := func() {
			ofGood, _, err := r.vault.Load(t.Context(), good, 0)
			require.NoError(t, err)
			require.NoError(t, r.vault.RecordIntent(t.Context(), good, account, ofGood, run, nil))
		}
		for range 3 {
			require.ErrorIs(t, r.vault.RecordIntent(t.Context(), bad, account, ofBad, run, nil), vault.ErrDenied)
			again()
		}
		require.Len(t, r.values(good.RefreshToken), versions, "the same refusal again says nothing about others")

		hang = true
		go func() { _ = r.vault.RecordIntent(t.Context(), bad, account, ofBad, run, nil) }()
		synctest.Wait()
		other, ofOther := r.loaded("other", vault.Properties{ContentType: "text/plain"}) // must be proven
		require.NoError(t, r.vault.RecordIntent(t.Context(), other, account, ofOther, run, nil), "a refused name has no turn")
		time.Sleep(2 * time.Hour)
	})
}

func TestOneOfManyAtOnceProvesTheVault(t *testing.T) {
	r := openUnproven(t)
	var mu sync.Mutex
	created := 0
	r.secrets.After = func(op, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if op == "set" {
			created++
		}
		return nil
	}
	var all, begun sync.WaitGroup
	begun.Add(5)
	r.secrets.Before = func(op, _ string) error {
		if op == "set" {
			begun.Wait() // so that the others ask while the first one proves
		}
		return nil
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		n := vault.Names{RefreshToken: name + "-RefreshToken", AccessToken: name + "-AccessToken"}
		r.secrets.Put(n.RefreshToken, "fake-refresh-"+name)
		current, _, err := r.vault.Load(t.Context(), n, 0)
		require.NoError(t, err)
		all.Go(func() {
			begun.Done()
			if err := r.vault.RecordIntent(context.Background(), n, account, current, run, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, created)
}
