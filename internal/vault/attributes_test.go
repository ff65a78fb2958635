package vault_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// TestNewVersionsKeepWhatTheOwnerHasSet has each kind of write replace a version that
// carries an owner's content type, tag and expiry.
func TestNewVersionsKeepWhatTheOwnerHasSet(t *testing.T) {
	expires := noon.Add(2000 * time.Hour).Truncate(time.Second)
	owners := vault.Properties{ContentType: "text/plain", Expires: expires}
	own := func(r *fixture, name string) {
		top := r.top(name)
		p := owners
		p.Tags = top.Tags
		if p.Tags == nil {
			p.Tags = map[string]string{}
		}
		p.Tags["team"] = "health"
		_, err := r.secrets.Set(r.t.Context(), name, top.Value, p)
		require.NoError(r.t, err)
	}
	withoutExpiry := func(e vault.Entry) vault.Entry { e.Expiry = time.Time{}; return e }
	for _, tc := range []struct {
		name    string
		of      string
		given   func(*fixture)
		write   func(*fixture)
		expires time.Time
	}{
		{"a stored refresh token", names.RefreshToken, func(r *fixture) { r.upTo(old, 1) }, func(r *fixture) { r.store(old.entry(2)) }, expires},
		{"a stored access token", names.AccessToken, func(r *fixture) { r.upTo(old, 1) }, func(r *fixture) { r.store(old.entry(2)) }, old.entry(2).Expiry},
		{"a first stored access token of an answer without expires_in", names.AccessToken, func(r *fixture) {
			r.secrets.Put(names.RefreshToken, old.refresh(1).Reveal())
			r.secrets.Put(names.AccessToken, "fake-access-by-hand")
		}, func(r *fixture) { r.store(withoutExpiry(old.entry(2))) }, expires},
		{"a consent's refresh token", names.RefreshToken, func(r *fixture) { r.upTo(old, 1) },
			func(r *fixture) { r.consent(token.Pair{RefreshToken: token.NewSecret(fresh)}) }, expires},
		{"a consent's access token", names.AccessToken, func(r *fixture) { r.upTo(old, 1) }, func(r *fixture) {
			r.consent(token.Pair{RefreshToken: token.NewSecret(fresh), AccessToken: token.NewSecret("fake-access-new"), Issue: token.Issue{Expiry: noon.Truncate(time.Second)}})
		}, noon.Truncate(time.Second)},
		{"a promoted token", names.RefreshToken, func(r *fixture) { r.upTo(old, 6) }, func(r *fixture) {
			r.again(names.RefreshToken, old.refresh(5))
			_, err := r.vault.PromoteSuccessor(r.t.Context(), names, account, old.provenance(5), run)
			require.NoError(r.t, err)
		}, expires},
		{"client credentials", names.Credentials, func(r *fixture) { r.secrets.Put(names.Credentials, "fake") }, func(r *fixture) {
			require.NoError(r.t, r.vault.PutCredentials(r.t.Context(), names, token.Client{ID: "fake-id", Secret: token.NewSecret("fake-secret")}))
		}, expires},
		{"a keyset", "TokenKeeperKeyset", func(r *fixture) { r.secrets.Put("TokenKeeperKeyset", "{}") }, func(r *fixture) {
			_, err := vault.NewKeysets(r.secrets).Put(r.t.Context(), []byte("{}"), seal.Added, 7)
			require.NoError(r.t, err)
		}, expires},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			own(r, tc.of)
			before := r.top(tc.of)
			tc.write(r)
			after := r.top(tc.of)
			require.NotEqual(t, before.Version, after.Version)
			require.Equal(t, "text/plain", after.ContentType)
			require.Equal(t, "health", after.Tags["team"])
			require.True(t, tc.expires.Equal(after.Expires), "%v", after.Expires)
		})
	}
}

// A policy may ask for a date that is some days ahead.
func TestAnOwnersExpiryThatHasPassedGoesOnAsAnInterval(t *testing.T) {
	given := func(r *fixture, created time.Time, expires time.Duration) {
		r.secrets.Now = func() time.Time { return created }
		_, err := r.secrets.Set(t.Context(), names.RefreshToken, old.refresh(0), vault.Properties{Expires: created.Add(expires)})
		require.NoError(t, err)
		r.secrets.Now = nil
	}
	for name, write := range map[string]func(*fixture){
		"a store":   func(r *fixture) { r.store(old.entry(1)) },
		"a consent": func(r *fixture) { r.consent(token.Pair{RefreshToken: token.NewSecret(fresh)}) },
		"a proof": func(r *fixture) {
			current, _ := r.load()
			r.recordIntent(current)
		},
	} {
		r := openUnproven(t)
		given(r, time.Now().Add(-100*time.Hour).Truncate(time.Second), 90*time.Hour)
		write(r)
		require.WithinDuration(t, time.Now().Add(90*time.Hour), r.top(names.RefreshToken).Expires, time.Minute, name)
	}
	created := time.Now().Add(-100 * time.Hour).Truncate(time.Second)
	r := openUnproven(t)
	given(r, created, -time.Hour)
	r.store(old.entry(1))
	require.True(t, created.Add(-time.Hour).Equal(r.top(names.RefreshToken).Expires), "no interval to go by")
}

// The date of the program's own access token is another token's: what remains of it is how
// long such a token lives.
func TestAnAccessTokenWithoutAnExpiryDoesNotTakeItsPredecessorsDate(t *testing.T) {
	r := open(t)
	e := old.entry(1)
	e.ObtainedAt = time.Now().Add(-7 * time.Hour)
	e.Expiry = e.ObtainedAt.Add(8 * time.Hour).Truncate(time.Second)
	r.store(e)
	e = old.entry(2)
	e.ObtainedAt, e.Expiry = time.Now(), time.Time{}
	r.store(e)
	require.WithinDuration(t, time.Now().Add(8*time.Hour), r.top(names.AccessToken).Expires, time.Minute)

	r.consent(token.Pair{RefreshToken: token.NewSecret(fresh), AccessToken: token.NewSecret("fake-access-new")})
	require.WithinDuration(t, time.Now().Add(8*time.Hour), r.top(names.AccessToken).Expires, time.Minute)

	r = open(t)
	e.Expiry = time.Time{}
	r.store(e)
	e = old.entry(3)
	e.Expiry = time.Time{}
	r.store(e)
	require.True(t, r.top(names.AccessToken).Expires.IsZero())
}

func TestAFirstAccessTokenTakesTheRefreshTokensContentType(t *testing.T) {
	for name, write := range map[string]func(*fixture){
		"a refresh": func(r *fixture) { r.store(old.entry(1)) },
		"a consent": func(r *fixture) {
			r.consent(token.Pair{RefreshToken: token.NewSecret(fresh), AccessToken: token.NewSecret("fake-access-new")})
		},
	} {
		r := open(t)
		_, err := r.secrets.Set(t.Context(), names.RefreshToken, old.refresh(0), vault.Properties{ContentType: "text/plain"})
		require.NoError(t, err)
		write(r)
		require.Equal(t, "text/plain", r.top(names.AccessToken).ContentType, name)
	}
}

func TestNoStoreIsRefusedForTheOwnersTags(t *testing.T) {
	r := open(t)
	tags := map[string]string{}
	for i := range 15 {
		tags[fmt.Sprintf("mine-%02d", i)] = "fake"
	}
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, old.refresh(0), vault.Properties{Tags: tags})
	require.NoError(t, err)
	for g := token.Generation(1); g <= 3; g++ {
		current, _ := r.load()
		r.recordIntent(current)
		require.LessOrEqual(t, len(r.top(names.RefreshToken).Tags), 15)
		r.store(old.entry(g))
		require.LessOrEqual(t, len(r.top(names.RefreshToken).Tags), 12, "an intent record fits")
		require.Equal(t, "fake", r.top(names.RefreshToken).Tags["mine-04"])
	}
}

// A policy that asks for a tag of the owner's would refuse the store of an issued token.
func TestAGrantsEndGivesWayToTheOwnersTags(t *testing.T) {
	for owners, ends := range map[int]bool{0: true, 4: true, 5: false} {
		r := open(t)
		e := old.entry(1)
		e.GrantEnds = noon.Add(1000 * time.Hour)
		r.store(e)
		top := r.top(names.RefreshToken)
		for i := range owners {
			top.Tags[fmt.Sprintf("owner-%d", i)] = "fake"
		}
		require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, top.Version, top.Tags))
		kept := func() {
			t.Helper()
			tags := r.top(names.RefreshToken).Tags
			require.LessOrEqual(t, len(tags), 15)
			for i := range owners {
				require.Contains(t, tags, fmt.Sprintf("owner-%d", i))
			}
			if ends {
				require.Contains(t, tags, "grant-ends", "it is the first of the spare tags")
			}
		}
		e = old.entry(2)
		e.GrantEnds = noon.Add(1000 * time.Hour)
		r.store(e)
		kept()
		current, _ := r.load()
		require.NoError(t, r.vault.RecordIntent(t.Context(), names, account, current, run, []vault.Intent{{RunID: "run-0", At: noon}}))
		kept()
		require.Equal(t, ends, !current.GrantEnds.IsZero())
	}
}
