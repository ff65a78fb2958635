package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// A store that fails at any call, before the call takes effect or after, is
// completed by the next attempt, with one version of each token.
func TestAStoreThatFailedAnywhereIsCompletedByTheNext(t *testing.T) {
	fail := func(n int) func(op, name string) error {
		return func(op, name string) error {
			if n--; n == 0 {
				return &vault.Error{Op: op, Name: name, Kind: vault.ErrUnavailable}
			}
			return nil
		}
	}
	for n := 1; ; n++ {
		for _, lost := range []bool{false, true} {
			r := open(t)
			r.upTo(old, 4)
			if lost {
				r.secrets.After = fail(n)
			} else {
				r.secrets.Before = fail(n)
			}
			_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
			if err == nil {
				require.Equal(t, 6, n, "the calls of a plain store")
				return
			}
			require.ErrorIs(t, err, vault.ErrUnavailable)
			require.NotContains(t, err.Error(), "fake-")
			r.store(old.entry(5))
			require.Equal(t, old.values(0, 5), r.values(names.RefreshToken), "call %d, answer lost: %v", n, lost)
			require.Equal(t, old.access(5), r.top(names.AccessToken).Value)
			require.Len(t, r.secrets.All(names.AccessToken), 6)
		}
	}
}

func TestWhateverTheVaultRefusesTheErrorHoldsNoSecret(t *testing.T) {
	for _, call := range []string{
		"get " + names.RefreshToken, "set " + names.RefreshToken, "list " + names.RefreshToken, "recover " + names.RefreshToken,
		"get " + names.AccessToken, "set " + names.AccessToken, "recover " + names.AccessToken,
	} {
		r := open(t)
		r.upTo(old, 4)
		r.secrets.Disable(names.RefreshToken) // makes a store list and recover
		if call[:3] == "rec" {
			r.secrets.Delete(names.RefreshToken)
			r.secrets.Delete(names.AccessToken)
		}
		r.secrets.Before = refusing(call, vault.ErrDenied)
		_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
		require.ErrorIs(t, err, vault.ErrDenied, call)
		require.NotContains(t, err.Error(), "fake-")
	}
}

func TestANameThatIsDeletedAsOftenAsItIsRecoveredIsNamed(t *testing.T) {
	for _, name := range []string{names.RefreshToken, names.AccessToken} {
		r := open(t)
		r.upTo(old, 4)
		r.secrets.Before = func(op, called string) error {
			if op == "set" && called == name {
				r.secrets.Delete(name)
			}
			return nil
		}
		_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
		require.EqualError(t, err, "vault: set "+name+": unavailable (it is deleted as often as it is recovered); find out who deletes it")
		require.True(t, vault.Retryable(err))
	}
}

func TestWritersThatNeverStopAreNamed(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	var late func(op, name string) error
	late = func(op, name string) error {
		if op == "get" && name == names.RefreshToken {
			r.secrets.Before = nil
			r.again(names.RefreshToken, old.refresh(5))
			r.secrets.Before = late
		}
		return nil
	}
	r.secrets.Before = late
	_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
	require.EqualError(t, err, "vault: set will-RefreshToken: unavailable (other writers keep putting older tokens on top)")
}

func TestALateStoreLeavesADisabledNewerGenerationToItsOwner(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	r.at(2, func() { // between the late store's read and its write
		r.secrets.Before = nil
		r.upTo(old, 6)
		r.secrets.Disable(names.RefreshToken)
	})
	receipt := r.store(old.entry(5))
	require.True(t, receipt.Superseded)
	require.Equal(t, old.access(6), r.top(names.AccessToken).Value)
	require.Equal(t, old.refresh(5), r.top(names.RefreshToken).Value)
	_, _, err := r.vault.Load(t.Context(), names, 0)
	require.ErrorIs(t, err, vault.ErrDisabled)
}

func TestAnotherAttemptMendsALateStoreThatFailedAnywhere(t *testing.T) {
	for n := 2; ; n++ {
		r := open(t)
		r.upTo(old, 4)
		calls, refused := 0, false
		r.secrets.Before = func(op, name string) error {
			calls++
			switch calls {
			case 2: // between the late store's read and its write
				before := r.secrets.Before
				r.secrets.Before = nil
				r.upTo(old, 6)
				r.secrets.Before = before
			case n + 1:
				refused = true
				return &vault.Error{Op: op, Name: name, Kind: vault.ErrUnavailable}
			}
			return nil
		}
		_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
		r.secrets.Before = nil
		if refused {
			require.ErrorIs(t, err, vault.ErrUnavailable)
			current, _ := r.load()
			require.Equal(t, old.refresh(6), current.Value, "call %d", n+1)
		}
		require.True(t, r.store(old.entry(5)).Superseded)
		require.Equal(t, old.refresh(6), r.top(names.RefreshToken).Value)
		if !refused {
			require.Greater(t, n, 6)
			return
		}
	}
}

func TestALateAccessTokenDoesNotStayOnTop(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	r.at(4, func() { // between the late store's read of the access token and its write
		r.secrets.Before = nil
		r.store(old.entry(6))
	})
	receipt := r.store(old.entry(5))
	require.False(t, receipt.Superseded, "it was on top for a while")
	require.Equal(t, old.refresh(6), r.top(names.RefreshToken).Value)
	require.Equal(t, old.access(6), r.top(names.AccessToken).Value)
	require.Equal(t, old.entry(6).Expiry, r.top(names.AccessToken).Expires)
}

func TestOfTwoDisabledVersionsTheLaterOneCounts(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	for g := token.Generation(0); g <= 6; g++ {
		r.store(old.entry(g))
		r.secrets.Disable(names.RefreshToken)
	}
	require.True(t, r.store(old.entry(5)).Superseded)
}

func TestLaterTagsBesideAnotherValueDoNotKeepAStoreWriting(t *testing.T) {
	r := open(t)
	r.upTo(old, 4)
	_, err := r.secrets.Set(t.Context(), names.AccessToken, token.NewSecret("fake-access-by-hand"), vault.Properties{Tags: tagsOfAccess(t, 9)})
	require.NoError(t, err)
	r.again(names.AccessToken, old.access(4))
	before := r.values(names.AccessToken)
	require.True(t, r.store(old.entry(3)).Superseded)
	require.Equal(t, before, r.values(names.AccessToken))
}
