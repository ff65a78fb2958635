package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Temporal acknowledges completions and shows runs; client.Client implements it.
type Temporal interface {
	Histories
	// CompleteActivity returns nil once the result is in the history, and
	// *serviceerror.NotFound when the server no longer waits for this attempt.
	CompleteActivity(ctx context.Context, taskToken []byte, result any, err error) error
	// DescribeWorkflowExecution returns a run's pending activities.
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

// Pauses between rounds in which neither Temporal nor the vault took the pair.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
)

// delivery is an issued pair on its way into Temporal's history or the vault.
type delivery struct {
	info   activity.Info
	names  vault.Names
	issued RefreshResult
	pair   token.Pair
	log    *slog.Logger

	wanted   bool // Temporal may still take the result
	storable bool // the vault may take the pair, which is no other user's
	escrowed bool // the vault has it
}

// needsEscrow reports whether the vault has to take the pair that Temporal has not.
func (d *delivery) needsEscrow() bool { return d.storable && !d.escrowed }

// done reports whether the worker may drop a pair that Temporal has not taken: it
// needs no escrow, and Temporal no longer wants it or the attempt's time is over.
func (d *delivery) done(pastDeadline bool) bool {
	return !d.needsEscrow() && (!d.wanted || pastDeadline)
}

// deliver returns only when the pair is in Temporal's history or in the vault.
// It asks Temporal first. Without an answer, or when Temporal no longer wants the
// result, it escrows the pair in the vault; while neither takes it, it tries both
// in turn for as long as the process lives. Another user's pair is never escrowed.
// The error is activity.ErrResultPending when Temporal has the result; any other
// says where the pair is instead.
func (a *Activities) deliver(ctx context.Context, info activity.Info, names vault.Names, in LoadResult, pair token.Pair) error {
	issued := refreshResult(in, pair)
	pair.Issue = issued.Issue
	d := &delivery{info: info, names: names, issued: issued, pair: pair, wanted: true, storable: !issued.ForOtherUser(in),
		log: a.Log.With("account", issued.Account.String(), "generation", issued.Provenance.Generation, "fingerprint", issued.Provenance.Fingerprint)}
	var err error
	if d.issued.Pair, err = a.sealPair(ctx, names, issued, pair); err != nil {
		d.log.ErrorContext(ctx, "cannot seal the pair, so it goes straight to the vault", "error", err)
		d.wanted = false
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if d.wanted && a.complete(ctx, d) {
			return activity.ErrResultPending
		}
		if d.needsEscrow() {
			a.escrow(ctx, d)
		}
		if d.done(time.Now().After(info.Deadline)) {
			return unacknowledged(d.issued, d.escrowed)
		}
		time.Sleep(pause)
	}
}

// complete reports whether Temporal has the result, and notes when it no longer wants it.
func (a *Activities) complete(ctx context.Context, d *delivery) bool {
	tryCtx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	err := a.Temporal.CompleteActivity(tryCtx, d.info.TaskToken, d.issued, nil)
	if err == nil {
		a.recordDurable(ctx, "history", d)
		return true
	}
	_, gone := errors.AsType[*serviceerror.NotFound](err)
	d.wanted = !gone
	d.log.WarnContext(ctx, "no word from Temporal for the pair", "error", err)
	return false
}

// escrow puts the pair into the vault, where its run or the next one finds it.
func (a *Activities) escrow(ctx context.Context, d *delivery) {
	tryCtx, cancel := context.WithTimeout(ctx, escrowTimeout)
	defer cancel()
	a.Pace.StoreNow(writes(!d.issued.Rotated))
	if _, err := a.Vault.Store(tryCtx, d.names, entryOf(d.issued, d.pair), runOf(d.info)); err != nil {
		d.log.ErrorContext(ctx, "neither Temporal nor the vault takes the pair; trying on", "error", err)
		return
	}
	a.recordDurable(ctx, "vault", d)
	a.Metrics.Escrowed(ctx, d.issued.Account.Provider)
	d.log.WarnContext(ctx, "pair is in the vault without Temporal's word")
	d.escrowed = true
}

// recordDurable measures the time to the first durable copy of a pair.
func (a *Activities) recordDurable(ctx context.Context, where string, d *delivery) {
	if !d.escrowed {
		a.Metrics.Durable(ctx, where, time.Since(d.issued.ObtainedAt))
	}
}

// unacknowledged says where the pair is instead of in the history.
func unacknowledged(issued RefreshResult, escrowed bool) error {
	where := "it is in the vault"
	if !escrowed {
		where = "it is for user " + issued.UserID + ", who is not the one whose token was spent, and was not stored"
	}
	return temporal.NewApplicationError(fmt.Sprintf("Temporal gave no word for generation %d of %s; %s", issued.Provenance.Generation, issued.Account, where), noWordFromTemporal)
}

// refreshResult is what a history may show of a pair; its envelope is added later. Where
// the answer does not say when the grant ends, it ends when it did before.
func refreshResult(in LoadResult, pair token.Pair) RefreshResult {
	issued := RefreshResult{Account: in.Account, Provenance: in.Provenance, Issue: pair.Issue}
	if f := pair.RefreshToken.Fingerprint(); f != "" && f != in.Provenance.Fingerprint {
		issued.Rotated = true
		issued.Provenance = in.Provenance.Next(f)
	}
	issued.Issue = shown(issued.Issue, issued.Provenance)
	if issued.GrantEnds.IsZero() {
		issued.GrantEnds = in.GrantEnds
	}
	return issued
}
