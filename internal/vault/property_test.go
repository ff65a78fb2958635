package vault_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// TestNothingThatWasStoredIsEverLost drives up to three writers at once, call by
// call: runs, late stores of whatever was issued before, deaths, lost answers,
// delays, and new consents. When all have come to rest and one more
// run has gone through, the provider's live refresh token is on top, if ever it
// was in a store that returned or put there by hand.
func TestNothingThatWasStoredIsEverLost(t *testing.T) {
	for _, replay := range []time.Duration{0, time.Minute, 2 * time.Minute} {
		t.Run(fmt.Sprintf("replay for %s", replay), rapid.MakeCheck(func(t *rapid.T) {
			w := newWorld(replay)
			defer w.stop()
			actions := w.faults()
			actions["run"] = func(t *rapid.T) {
				skew := time.Duration(rapid.IntRange(-600, 600).Draw(t, "skew")) * time.Second
				w.begin(t, func() { w.refresh(skew, alone) })
			}
			actions["whole run"] = func(*rapid.T) { w.refresh(0, alone) }
			actions["late store"] = func(t *rapid.T) { w.lateStore(t) }
			actions["doubled run"] = func(t *rapid.T) { w.doubledRun(t) }
			actions["die"] = func(t *rapid.T) { w.step(w.pick(t), crash) }
			actions["consent"] = func(t *rapid.T) {
				w.alone(t)
				w.consent()
			}
			actions["put"] = func(t *rapid.T) {
				w.alone(t)
				w.put()
			}
			actions["authorize"] = func(t *rapid.T) { w.authorize(t) }
			t.Repeat(actions)

			w.rest(t)
			live, _ := w.book.Live(userID)
			w.refresh(0, alone)
			w.checkProblems(t)
			if !w.kept[live.RefreshToken] {
				return // it was in no store that returned
			}
			w.checkOnTop(t)
		}))
	}
}

// TestOneLateWriterNeverMakesLoadPresentASpentToken is stronger, for providers that
// take a spent token for theft: beside runs that come one after the other there is one
// late writer at a time, which may die once. No run ever meets a refusal; and where no
// writer died, nothing older is left on top.
func TestOneLateWriterNeverMakesLoadPresentASpentToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(0)
		defer w.stop()
		var run, late *writer
		idle := func(t *rapid.T, other *writer) {
			if other != nil && !other.ended {
				t.Skip("the one before is at work")
			}
		}
		died := false
		actions := w.faults()
		actions["run"] = func(t *rapid.T) {
			idle(t, run)
			run = w.begin(t, func() { w.refresh(0, alone) })
		}
		actions["whole run"] = func(t *rapid.T) {
			idle(t, run)
			w.refresh(0, alone)
		}
		actions["late store"] = func(t *rapid.T) {
			idle(t, late)
			late = w.lateStore(t)
		}
		actions["doubled run"] = func(t *rapid.T) {
			idle(t, run)
			idle(t, late)
			late = w.doubledRun(t)
		}
		actions["die"] = func(t *rapid.T) {
			if died || late == nil || late.ended {
				t.Skip("no writer may die")
			}
			w.step(late, crash)
			died = true
		}
		t.Repeat(actions)
		w.rest(t)
		w.checkProblems(t)
		if w.checkFound(t); !died {
			w.checkOnTop(t)
		}
		if w.refused > 0 {
			t.Fatalf("spent tokens were presented %d times", w.refused)
		}
	})
}

// faults are what may happen at any time in any world.
func (w *world) faults() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"":     w.checkGenerations,
		"step": func(t *rapid.T) { w.steps(t, w.pick(t)) },
		"fail": func(t *rapid.T) { w.step(w.pick(t), fail) },
		"lose": func(t *rapid.T) { w.step(w.pick(t), lose) },
		"wait": func(t *rapid.T) {
			w.now = w.now.Add(rapid.SampledFrom([]time.Duration{100 * time.Millisecond, time.Second, time.Minute}).Draw(t, "wait"))
		},
	}
}

func (w *world) lateStore(t *rapid.T) *writer {
	if len(w.issued) == 0 {
		t.Skip("nothing was issued")
	}
	e := w.issued[rapid.IntRange(0, len(w.issued)-1).Draw(t, "issued")]
	return w.begin(t, func() { w.store(e) })
}

// authorize is a consent that the program puts into the vault, at the
// pace of its calls, again and again until the vault has taken it.
func (w *world) authorize(t *rapid.T) {
	w.alone(t)
	w.mayBegin(t)
	w.now = w.now.Add(time.Second)
	given := w.book.Consent(userID, "", w.now)
	w.given = nil
	pair := token.Pair{AccessToken: given.AccessToken, RefreshToken: given.RefreshToken, Issue: token.Issue{ObtainedAt: w.now, UserID: userID}}
	w.authorizing = w.begin(t, func() {
		for {
			_, err := w.vault.StoreConsent(context.Background(), names, account, pair)
			w.unexpected(err)
			if err == nil {
				w.kept[pair.RefreshToken] = true
				return
			}
		}
	})
}

// alone allows one consent at a time: of two at one time the one that is stored last
// counts, the dead one perhaps.
func (w *world) alone(t *rapid.T) {
	if w.authorizing != nil && !w.authorizing.ended {
		t.Skip("a consent is being stored")
	}
}

// doubledRun is a whole run whose pair another writer stores as well, and began to
// before the run did.
func (w *world) doubledRun(t *rapid.T) (other *writer) {
	w.mayBegin(t)
	w.refresh(0, func(e vault.Entry) {
		other = w.begin(t, func() { w.store(e) })
	})
	return other
}

// checkGenerations holds every version that is numbered: one token is one
// generation of its consent, and children come after their parents.
func (w *world) checkGenerations(t *rapid.T) {
	type place struct{ consent, generation string }
	tokens := map[place]string{}
	lowest := map[string]token.Generation{}
	all := w.secrets.All(names.RefreshToken)
	for _, s := range all {
		at := place{s.Tags["consent"], s.Tags["generation"]}
		if s.Tags["promoted-for"] != "" {
			continue // a consent that took another token's place has that one's number
		}
		if other, taken := tokens[at]; at.generation != "" && taken && other != s.Tags["fingerprint"] {
			t.Fatalf("%s and %s both are generation %s of one consent", other, s.Tags["fingerprint"], at.generation)
		}
		tokens[at] = s.Tags["fingerprint"]
		if g, numbered := generationOf(s.Tags); numbered {
			if before, seen := lowest[s.Tags["fingerprint"]]; !seen || g < before {
				lowest[s.Tags["fingerprint"]] = g
			}
		}
	}
	for _, s := range all {
		g, _ := generationOf(s.Tags)
		if parent, known := lowest[s.Tags["parent"]]; known && g <= parent {
			t.Fatalf("generation %d was issued for generation %d", g, parent)
		}
	}
}

func generationOf(tags map[string]string) (g token.Generation, numbered bool) {
	_, err := fmt.Sscan(tags["generation"], &g)
	return g, err == nil
}

// checkFound holds that Load finds the provider's live token.
func (w *world) checkFound(t *rapid.T) token.Secret {
	current, _, err := w.vault.Load(t.Context(), names, 0)
	if err != nil || !w.book.IsLive(current.Value, w.now) {
		t.Fatalf("Load finds generation %d (%v), which is not the live one", current.Generation, err)
	}
	return current.Value
}

// checkOnTop holds that no older generation covers the live token.
func (w *world) checkOnTop(t *rapid.T) {
	live := w.checkFound(t)
	all := w.secrets.All(names.RefreshToken)
	if top := all[len(all)-1]; top.Value != live {
		t.Fatalf("generation %s covers the newest", top.Tags["generation"])
	}
}

func (w *world) checkProblems(t *rapid.T) {
	for _, problem := range w.problems {
		t.Errorf("a writer met an error: %s", problem)
	}
}
