package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Temporal is the server's word on a completion; client.Client implements it.
type Temporal interface {
	Histories
	// CompleteActivity returns nil once the result is in the history, and
	// *serviceerror.NotFound when the server no longer waits for this attempt.
	CompleteActivity(ctx context.Context, taskToken []byte, result any, err error) error
}

// Pauses between rounds in which neither Temporal nor the vault took the pair.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
)

// handOver returns only when the pair is in Temporal's history or in the vault.
// It asks Temporal first. Without a word, or when Temporal no longer wants the
// result, it escrows the pair; without the vault either, it goes on asking both
// in turn for as long as the process lives.
//
// A pair that is not storable, because it is another person's, is never escrowed;
// it is let go of when Temporal no longer waits for it.
//
// The error is activity.ErrResultPending when Temporal has the result. Any other
// says where the pair is instead.
func (a *Activities) handOver(ctx context.Context, info activity.Info, names vault.Names, called RefreshResult, pair token.Pair, storable bool) error {
	log := a.Log.With("account", called.Account.String(), "generation", called.Provenance.Generation, "fingerprint", called.Provenance.Fingerprint)
	sealed, err := a.sealPair(ctx, called.Account, called.Provenance.Generation, pair)
	wanted := err == nil
	if err != nil {
		log.ErrorContext(ctx, "cannot seal the pair, so it goes straight to the vault", "error", err)
	}
	called.Pair = sealed

	escrowed := false
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if wanted {
			err := a.complete(ctx, info, called)
			if err == nil {
				a.durable(ctx, "history", called, escrowed)
				return activity.ErrResultPending
			}
			var gone *serviceerror.NotFound
			wanted = !errors.As(err, &gone)
			log.WarnContext(ctx, "no word from Temporal for the pair", "error", err)
		}
		if storable && !escrowed {
			err := a.escrow(ctx, info, names, called, pair)
			if err == nil {
				a.durable(ctx, "vault", called, false)
				a.Metrics.Escrowed(ctx, called.Account.Provider)
				log.WarnContext(ctx, "pair is in the vault without Temporal's word")
				escrowed = true
			} else {
				log.ErrorContext(ctx, "neither Temporal nor the vault takes the pair; trying on", "error", err)
			}
		}
		if (escrowed || !storable) && (!wanted || time.Now().After(info.Deadline)) {
			return withoutWord(called, escrowed)
		}
		time.Sleep(pause)
	}
}

// withoutWord says where a pair is that Temporal has not taken.
func withoutWord(called RefreshResult, escrowed bool) error {
	where := "it is in the vault"
	if !escrowed {
		where = "it is for user " + called.UserID + ", who is not the one whose token was spent, and was not stored"
	}
	return temporal.NewApplicationError(fmt.Sprintf("Temporal gave no word for generation %d of %s; %s", called.Provenance.Generation, called.Account, where), noWord)
}

func (a *Activities) complete(ctx context.Context, info activity.Info, called RefreshResult) error {
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	return a.Temporal.CompleteActivity(ctx, info.TaskToken, called, nil)
}

func (a *Activities) escrow(ctx context.Context, info activity.Info, names vault.Names, called RefreshResult, pair token.Pair) error {
	ctx, cancel := context.WithTimeout(ctx, escrowTimeout)
	defer cancel()
	_, err := a.Vault.Store(ctx, names, entryOf(called, pair.AccessToken, pair.RefreshToken), runOf(info))
	return err
}

// durable records the gap before the first durable copy; a second copy is none.
func (a *Activities) durable(ctx context.Context, where string, called RefreshResult, already bool) {
	if !already {
		a.Metrics.Durable(ctx, where, time.Since(called.ObtainedAt))
	}
}
