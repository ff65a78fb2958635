package vault_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

const userID = "FAKE01"

// world is a vault, a provider with strictly single-use refresh tokens, and writers at
// the same time. One goroutine runs at a time, so nothing in it is locked.
type world struct {
	turnstile
	now     time.Time
	book    *grant.Store
	secrets *memvault.Vault
	vault   *vault.Vault // of a worker that has proven that the vault takes new versions
	runs    int

	writers []*writer
	// authorizing stores a consent, or has; nil where none ever did.
	authorizing *writer
	issued      []vault.Entry // what histories hold: a late writer may come with any of it
	kept        map[token.Secret]bool
	given       []token.Secret // consents that were not put into the vault yet
	refused     int            // how often the provider was presented a token that it does not take
	problems    []string
}

func newWorld(replay time.Duration) *world {
	tokens := 0
	w := &world{now: noon, secrets: &memvault.Vault{}, kept: map[token.Secret]bool{}}
	w.book = grant.NewStore(grant.Rules{AccessTokenLifetime: 8 * time.Hour, ReplayWindow: replay}, func() token.Secret {
		tokens++
		return token.NewSecret(fmt.Sprintf("fake-token-%d", tokens))
	})
	w.secrets.Now = func() time.Time { return w.now }
	w.secrets.Before, w.secrets.After = w.before, w.after
	w.vault = vault.New(w.secrets)
	if err := w.vault.PutCredentials(context.Background(), names, token.Client{ID: "fake-id", Secret: token.NewSecret("fake-secret")}); err != nil {
		panic(err)
	}
	w.put()
	return w
}

// consent gives a new consent: all that was issued before is dead.
func (w *world) consent() {
	w.given = append(w.given, w.book.Consent(userID, "", w.now).RefreshToken)
}

// put puts the latest consent's token into the vault by hand, or that of a new one. It
// happens at most once a second, which is the resolution of the vault's clock.
func (w *world) put() {
	if len(w.given) == 0 {
		w.consent()
	}
	w.now = w.now.Add(time.Second)
	latest := w.given[len(w.given)-1]
	w.given = nil
	w.secrets.Put(names.RefreshToken, latest.Reveal())
	w.kept[latest] = true
}

// refresh is one run of the workflow by a worker whose clock is off by skew; every other
// one is the first of a new process. issued gets the pair before it is stored.
func (w *world) refresh(skew time.Duration, issued func(vault.Entry)) {
	ctx := context.Background()
	worker := w.vault
	if w.runs++; w.runs%2 == 0 {
		worker = vault.New(w.secrets)
	}
	for range 8 {
		current, _, err := worker.Load(ctx, names, 0)
		if err != nil {
			w.unexpected(err)
			return // nothing is spent; a run's next attempt is another run
		}
		if worker.RecordIntent(ctx, names, account, current, run, current.Intents()) != nil {
			continue // LoadSecrets is tried again
		}
		w.pause("request")
		pair, outcome := w.book.Refresh(current.Value, w.now)
		if outcome.Granted() {
			w.pause("answer")
			e := w.record(current, pair, skew)
			issued(e)
			w.store(e)
			return
		}
		w.refused++
		advanced, err := worker.PromoteSuccessor(ctx, names, account, current.Provenance, run)
		w.unexpected(err)
		if err != nil || !advanced {
			return
		}
	}
}

// record is what Temporal's history keeps of a pair.
func (w *world) record(current vault.RefreshToken, pair grant.Pair, skew time.Duration) vault.Entry {
	e := vault.Entry{
		Account:    account,
		Provenance: current.Next(pair.RefreshToken.Fingerprint()),
		Pair:       token.Pair{AccessToken: pair.AccessToken, RefreshToken: pair.RefreshToken, Issue: token.Issue{ObtainedAt: w.now.Add(skew), UserID: userID}},
	}
	w.issued = append(w.issued, e)
	return e
}

// store tries until the vault has taken the pair, as StoreSecrets and an escrow do.
func (w *world) store(e vault.Entry) {
	for {
		_, err := w.vault.Store(context.Background(), names, e, run)
		w.unexpected(err)
		if err == nil {
			w.kept[e.RefreshToken] = true
			return
		}
		if !vault.Retryable(err) {
			return
		}
	}
}

// alone is an issued that does nothing.
func alone(vault.Entry) {}

// pause is a step of a writer that does not touch the vault.
func (w *world) pause(where string) { _ = w.before("pause", where) }

// unexpected keeps an error that no fault of the model explains.
func (w *world) unexpected(err error) {
	if err != nil && !errors.Is(err, vault.ErrUnavailable) {
		w.problems = append(w.problems, err.Error())
	}
}

// alive are the writers that have not ended.
func (w *world) alive() (alive []*writer) {
	for _, a := range w.writers {
		if !a.ended {
			alive = append(alive, a)
		}
	}
	return alive
}

// begin starts a writer and lets it do its first few calls.
func (w *world) begin(t *rapid.T, work func()) *writer {
	w.mayBegin(t)
	a := w.start(work)
	w.writers = append(w.writers, a)
	w.steps(t, a)
	return a
}

func (w *world) mayBegin(t *rapid.T) {
	if len(w.alive()) == 3 {
		t.Skip("three are at work")
	}
}

// steps lets a writer do a few calls.
func (w *world) steps(t *rapid.T, a *writer) {
	for range rapid.IntRange(0, 8).Draw(t, "calls") {
		if !a.ended {
			w.step(a, proceed)
		}
	}
}

func (w *world) pick(t *rapid.T) *writer {
	alive := w.alive()
	if len(alive) == 0 {
		t.Skip("no writer is at work")
	}
	return alive[rapid.IntRange(0, len(alive)-1).Draw(t, "writer")]
}

// rest brings all writers to an end, one call after the other.
func (w *world) rest(t *rapid.T) {
	for len(w.alive()) > 0 {
		w.step(w.pick(t), proceed)
	}
}

// stop ends the goroutines that a failed check leaves behind.
func (w *world) stop() {
	for _, a := range w.alive() {
		w.step(a, crash)
	}
}
