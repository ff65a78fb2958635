package grant_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// TestAnyHistoryKeepsTheRotationRules drives random histories of several users
// and checks after every step what a client may rely on.
func TestAnyHistoryKeepsTheRotationRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := grant.Rules{
			AccessTokenLifetime: time.Hour,
			ReplayWindow:        rapid.SampledFrom([]time.Duration{0, 2 * time.Minute}).Draw(t, "window"),
			ReuseRevokes:        rapid.Bool().Draw(t, "reuse revokes"),
			Rotation:            rapid.SampledFrom([]grant.Rotation{grant.Always, grant.Sometimes, grant.Never}).Draw(t, "rotation"),
			KeepsAccess:         rapid.SampledFrom([]time.Duration{0, time.Hour - 2*time.Minute}).Draw(t, "keeps access"),
		}
		h := history{store: grant.NewStore(rules, counter()), rules: rules, now: epoch, answered: map[token.Secret]grant.Pair{}}
		h.consent(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        h.check,
			"consent": h.consent,
			"refresh": h.refresh,
			"use":     h.use,
			"revoke":  h.revoke,
			"wait": func(t *rapid.T) {
				h.now = h.now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Minute)).Draw(t, "wait")))
			},
		})
	})
}

type history struct {
	store  *grant.Store
	rules  grant.Rules
	now    time.Time
	issued []grant.Pair
	// answered is the pair that each spent refresh token was exchanged for.
	answered map[token.Secret]grant.Pair
}

func (h *history) consent(t *rapid.T) {
	user := rapid.SampledFrom([]string{"FAKE01", "FAKE02"}).Draw(t, "user")
	pair := h.store.Consent(user, "sleep", h.now)
	if pair.Generation != 0 {
		t.Fatalf("a consent begins at generation %d", pair.Generation)
	}
	h.issued = append(h.issued, pair)
}

func (h *history) refresh(t *rapid.T) {
	spent := h.draw(t)
	wasReplayable := h.store.Replayable(spent.RefreshToken, h.now)
	pair, outcome := h.store.Refresh(spent.RefreshToken, h.now)
	before, wasSpent := h.answered[spent.RefreshToken]
	switch outcome {
	case grant.Rotated:
		if wasSpent {
			t.Fatal("a refresh token rotated twice")
		}
		if pair.Generation != spent.Generation+1 || pair.User != spent.User {
			t.Fatalf("generation %d of %s follows %d of %s", pair.Generation, pair.User, spent.Generation, spent.User)
		}
		if h.rules.Rotation == grant.Never {
			t.Fatal("a refresh token rotated that never does")
		}
		h.answered[spent.RefreshToken] = pair
		h.issued = append(h.issued, pair)
	case grant.Renewed:
		if h.rules.Rotation == grant.Always {
			t.Fatal("a refresh token stayed that always rotates")
		}
		if wasSpent || pair.RefreshToken != spent.RefreshToken || pair.Generation != spent.Generation {
			t.Fatal("a refresh that keeps the token answered with another one")
		}
		if pair.AccessToken == spent.AccessToken {
			t.Fatal("a refresh that issues nothing")
		}
		h.issued = append(h.issued, pair)
	case grant.Unchanged:
		if h.rules.KeepsAccess == 0 || pair.ExpiresAt.Sub(h.now) <= h.rules.KeepsAccess {
			t.Fatal("an access token was kept that is about to end")
		}
		if pair.RefreshToken != spent.RefreshToken {
			t.Fatal("what is in force answered with another refresh token")
		}
	case grant.Replayed:
		if pair != before {
			t.Fatal("a replay answered with another pair")
		}
		if !wasReplayable || h.now.Sub(pair.IssuedAt) >= h.rules.ReplayWindow {
			t.Fatal("a replay outside its window")
		}
		if !h.store.IsLive(pair.RefreshToken, h.now) {
			t.Fatal("a replay answered with a dead refresh token")
		}
	case grant.Reused:
		if !wasSpent {
			t.Fatal("a token that was never spent counts as reused")
		}
		if h.rules.ReuseRevokes && h.store.IsLive(before.RefreshToken, h.now) {
			t.Fatal("reuse did not end the grant")
		}
	}
}

func (h *history) use(t *rapid.T) {
	pair := h.draw(t)
	if _, err := h.store.Use(pair.AccessToken, h.now); err != nil {
		return
	}
	for spent, next := range h.answered {
		if next == pair && h.store.Replayable(spent, h.now) {
			t.Fatal("a pair in use is still replayed")
		}
	}
}

func (h *history) revoke(t *rapid.T) {
	pair := h.draw(t)
	h.store.Revoke(pair.RefreshToken)
	if h.store.IsLive(pair.RefreshToken, h.now) {
		t.Fatal("a revoked refresh token is live")
	}
}

// check: at most one live refresh token per user, never one that was spent, and
// it is the one that Live names.
func (h *history) check(t *rapid.T) {
	live := map[string]token.Secret{}
	for _, pair := range h.issued {
		if !h.store.IsLive(pair.RefreshToken, h.now) {
			continue
		}
		if one, second := live[pair.User]; second && one != pair.RefreshToken {
			t.Fatalf("%s has two live refresh tokens", pair.User)
		}
		if _, spent := h.answered[pair.RefreshToken]; spent {
			t.Fatalf("%s has a live refresh token that was spent", pair.User)
		}
		live[pair.User] = pair.RefreshToken
	}
	for _, user := range []string{"FAKE01", "FAKE02"} {
		if pair, _ := h.store.Live(user); pair.RefreshToken != live[user] {
			t.Fatalf("Live of %s names another refresh token than the one in force", user)
		}
	}
}

func (h *history) draw(t *rapid.T) grant.Pair {
	return rapid.SampledFrom(h.issued).Draw(t, "pair")
}
