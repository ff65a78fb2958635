package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/window"
)

// CallTimeout bounds one attempt of a Call activity; then Temporal starts the next. It is
// short, because a provider's replay window is short too. Where there is one, heartbeats
// show still sooner that a worker has died.
const CallTimeout = 20 * time.Second

// MaxInFlight is the longest that a pair may be on its way: from the start of an
// attempt until the pair is in the history or, in escrow, in a vault that answers.
const MaxInFlight = CallTimeout + escrowTimeout

// Reading, the request and one report fit into CallTimeout; an escrow may go on
// beyond it.
const (
	prepareTimeout  = 4 * time.Second  // all that comes before the request: a slot, reading from the vault
	requestTimeout  = 12 * time.Second // the provider's answer
	completeTimeout = 3 * time.Second  // one try to have Temporal take the pair
	escrowTimeout   = 10 * time.Second // one try to get the pair into the vault
)

// Call spends the refresh token at its provider and keeps the issued pair until
// Temporal's history or the vault holds it. It completes itself, because only
// then does it learn whether Temporal has the result: the SDK's own report of a
// returned result is dropped, silently, after ten seconds without the server.
func (a *Activities) Call(ctx context.Context, in LoadResult) (RefreshResult, error) {
	info := activity.GetInfo(ctx)
	c := newCalling(ctx, info, in)
	c.words = a.Words
	at, err := a.locate(info, in.Account)
	if err != nil {
		return RefreshResult{}, c.unsent(ctx, err)
	}
	if in.RunID != info.WorkflowExecution.RunID { // a reset run may have spent the grant before
		return RefreshResult{}, fail(GrantOutdated, fmt.Errorf("generation %d of %s was loaded by run %s, before a reset, and is loaded again", in.Provenance.Generation, in.Account, in.RunID))
	}
	ctx, stop := beat(ctx, c.details)
	defer stop()
	if c.reset {
		record(ctx, c.details) // else the next attempt could take an older word for this one's
	}
	admission, err := a.admit(ctx, at.Provider, c)
	if err != nil {
		return RefreshResult{}, err
	}
	defer func() { admission.end(ctx, errNothingSent, time.Now()) }()
	leave, err := a.enter(ctx, at.Provider, c)
	if err != nil {
		return RefreshResult{}, err
	}
	defer leave()
	refresh, client, err := a.prepare(ctx, at.Names, c)
	if err != nil {
		return RefreshResult{}, c.unsent(ctx, err)
	}
	if admission.pass == free {
		if err := a.takeTurn(ctx, info, at, c); err != nil {
			return RefreshResult{}, err
		}
	}

	a.inFlight.Add(1)
	defer a.inFlight.Done()
	// A cancelled context does not take back a request that the provider may have
	// committed, so that from here on nothing abandons the attempt.
	ctx = context.WithoutCancel(ctx)
	now := time.Now()
	// A worker that was frozen may be too late: the next attempt may have begun.
	timeout := min(c.sentAt(now).window(now).Wait(window.Answer, requestTimeout, now), time.Until(info.Deadline)-completeTimeout)
	if timeout <= 0 || c.wasSilent(info, now) {
		return RefreshResult{}, c.unsent(ctx, temporal.NewApplicationError(fmt.Sprintf("this attempt at the refresh of %s came too late to begin; nothing was sent", in.Account), tooLate))
	}
	requestCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	pair, now, err := a.present(requestCtx, at, c, client, refresh)
	admission.end(ctx, err, time.Now())
	leave() // what is left to do is not the provider's
	if err != nil {
		return RefreshResult{}, a.callFailed(ctx, at.Provider, c, now, err)
	}
	a.Metrics.Answered(ctx, at.Provider.Name, "ok")
	err = a.deliver(ctx, info, at.Names, in, pair)
	return RefreshResult{}, retryIn(err, c.sentAt(now).retryDelay(0, time.Now()))
}

// wasSilent reports whether an attempt that has sent nothing yet has taken longer than a
// worker can that was not frozen, so that Temporal may have given it up for its heartbeats
// and another one may have spent the token. Since when it has been under way only Temporal's
// clock tells, which may differ by as much as leaves the two within one window.
func (c *calling) wasSilent(info activity.Info, now time.Time) bool {
	longest := max(info.HeartbeatTimeout, prepareTimeout)
	return info.HeartbeatTimeout > 0 && (now.Sub(c.began) > longest || now.Sub(info.StartedTime) > longest+min(time.Minute, c.loaded.ReplayWindow/2))
}

// calling is one attempt of a call.
type calling struct {
	timing
	began   time.Time
	attempt int32
	again   bool // it is not the first one
	reset   bool // an operator has reset the activity
	first   bool // it is known that none before it has sent a request
	told    progress
	// reported is what the heartbeats say, and words take the last one.
	reported atomic.Pointer[progress]
	words    *LastWords
}

func newCalling(ctx context.Context, info activity.Info, in LoadResult) *calling {
	c := &calling{}
	if activity.HasHeartbeatDetails(ctx) {
		_ = activity.GetHeartbeatDetails(ctx, &c.told) // of another version of the program: no word
	}
	if c.reset = info.Attempt <= c.told.Attempt; c.reset { // which counts from 1
		c.told.Held, c.told.Attempt, c.told.Unsent = 0, 0, false
	}
	now := time.Now()
	c.began, c.attempt = now, info.Attempt
	c.timing = newTiming(in, info.Attempt, info.ScheduledTime, c.told, now)
	if c.told.leftOut(info.Attempt, info.ScheduledTime, now) {
		for _, request := range c.told.requests(info.Attempt, info.ScheduledTime, now) {
			c.told = c.told.with(request) // for the attempts after this one
		}
	}
	alone := info.Attempt == 1 && c.told == progress{}
	told := c.told.Unsent && c.told.isFor(info.Attempt, now)
	c.again = !alone
	c.first = told || alone && now.Sub(info.ScheduledTime) <= CallTimeout // else it may be a reset one
	c.told.Unsent = false
	c.report(c.told)
	return c
}

func (c *calling) report(p progress) { c.reported.Store(&p) }

// details are what one heartbeat says.
func (c *calling) details() any {
	now := time.Now() // what begins after it is no part of what is said
	p := *c.reported.Load()
	p.Said = now
	return p
}

// sentAt is the timing once a request has been sent.
func (c *calling) sentAt(request time.Time) timing {
	t := c.timing
	t.requests = append(slices.Clone(t.requests), request)
	return t
}

// unsent leaves word that this attempt has sent nothing, and says when to try again.
func (c *calling) unsent(ctx context.Context, err error) error {
	told := c.told
	told.Unsent = c.first
	return c.leaveWord(ctx, told, retryIn(err, c.retryDelay(0, time.Now())))
}

// withoutRequest is unsent for an attempt that was not let through. Its pause is its own: the
// provider has not been asked. It leaves its word also where no heartbeats are expected.
func (c *calling) withoutRequest(ctx context.Context, err error, pause time.Duration) error {
	told := c.told
	told.Unsent, told.Attempt = c.first, c.attempt
	told.Held++
	told.Next = time.Now().Add(pause)
	c.report(told)
	c.words.leave(ctx, c.details())
	return retryIn(err, pause)
}

// leaveWord tells the next attempt, where there will be one, how this one has ended.
func (c *calling) leaveWord(ctx context.Context, told progress, err error) error {
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	if ok && failure.NonRetryable() {
		return c.provingFirst(failure)
	}
	told.Attempt = c.attempt
	told.Next = time.Time{}
	if ok {
		told.Next = time.Now().Add(failure.NextRetryDelay())
	}
	c.report(told)
	c.words.leave(ctx, c.details())
	return err
}

// provingFirst marks a failure that proves the token unspent only where no earlier attempt has
// sent anything. Of an attempt with number 1 the history shows that.
func (c *calling) provingFirst(failure *temporal.ApplicationError) error {
	if !c.first || c.attempt == 1 || !slices.Contains(neverSpent, failure.Type()) {
		return failure
	}
	fix, answer, marks := refusalDetails(failure)
	marks.First = true
	return temporal.NewNonRetryableApplicationError(failure.Message(), failure.Type(), nil, fix, answer, marks)
}

// prepare opens the grant, and looks into the vault once more where the token may have
// been spent since it was loaded: before a further attempt, and where other runs are on the
// intent record. It is short, so that the request is over before Temporal starts the next
// attempt.
func (a *Activities) prepare(ctx context.Context, names vault.Names, c *calling) (token.Secret, token.Client, error) {
	ctx, cancel := context.WithDeadline(ctx, c.began.Add(prepareTimeout))
	defer cancel()
	refresh, client, err := a.openGrant(ctx, names, c.loaded)
	switch {
	case err != nil:
	case c.again:
		err = a.checkEscrow(ctx, names, c)
	case len(c.loaded.MayHaveSpent) > 0:
		err = a.checkOvertaken(ctx, names, c)
	}
	return refresh, client, err
}

// checkEscrow fails where the refresh token must not be presented again: an earlier
// attempt, cut off from Temporal, has put its pair into the vault, or another run may
// have spent the token. A provider that watches for reuse could revoke everything at
// its second sight. The replay window does not wait for the vault.
func (a *Activities) checkEscrow(ctx context.Context, names vault.Names, c *calling) error {
	now := time.Now()
	w := c.window(now)
	look, cancel := context.WithTimeout(ctx, w.Wait(window.Look, prepareTimeout, now))
	defer cancel()
	held, err := a.Vault.LoadCurrent(look, names, c.loaded.Provenance.Generation)
	const cannotLook = "cannot look for an escrowed pair before another attempt"
	switch {
	case errors.Is(err, vault.ErrOtherProvider):
		return vaultFailure(err) // the account has moved since it was loaded
	case err != nil && w.IsOpen(now):
		a.Log.WarnContext(ctx, cannotLook, "account", c.loaded.Account.String(), "error", err)
		return nil
	case errors.Is(look.Err(), context.DeadlineExceeded):
		// A load has the time for a listing of thousands of versions.
		return fail(GrantInDoubt, errors.New(cannotLook+" within its time; the grant is loaded again"))
	case err != nil:
		return temporal.NewApplicationError(cannotLook+": "+err.Error(), vaultNotReady)
	}
	sure := w.IsOpen(now) && (!c.loaded.reuseMayRevoke() || c.windowBy(true, now).IsOpen(now))
	return mayPresent(c.loaded, held.Provenance, held.Intents(), sure, c.told.Issued)
}

// checkOvertaken fails where another run on the intent record has stored a successor since
// the grant was loaded: once that is used, the window is over whatever its length says. It
// keeps the request for as short as checkEscrow does, and never for want of the vault.
func (a *Activities) checkOvertaken(ctx context.Context, names vault.Names, c *calling) error {
	now := time.Now()
	look, cancel := context.WithTimeout(ctx, c.window(now).Wait(window.Look, prepareTimeout, now))
	defer cancel()
	p := c.loaded.Provenance
	held, err := a.Vault.LoadCurrent(look, names, p.Generation)
	if err == nil && isSuccessor(held.Provenance, p) {
		return grantAdvanced(c.loaded, held.Provenance)
	}
	return nil
}

// isSuccessor reports whether the vault's refresh token has taken the place of a loaded one.
func isSuccessor(held, loaded token.Provenance) bool {
	return held.Fingerprint != loaded.Fingerprint && held.Generation >= loaded.Generation
}

func grantAdvanced(in LoadResult, held token.Provenance) error {
	return fail(GrantAdvanced, fmt.Errorf("the vault already holds generation %d of %s, so generation %d is not presented again", held.Generation, in.Account, in.Provenance.Generation))
}

// mayPresent decides by what the vault holds whether a refresh token may be presented
// once more. sure: the window is open of any request that may have spent the token.
// issued: an answer has shown that it is spent.
func mayPresent(in LoadResult, held token.Provenance, intents []vault.Intent, sure, issued bool) error {
	p := in.Provenance
	switch {
	case isSuccessor(held, p):
		return grantAdvanced(in, held)
	case in.NonRotating || sure:
		return nil
	case issued && in.Reuse == provider.RevokesGrant:
		return answerLost(in)
	case held.Fingerprint == p.Fingerprint && in.reuseMayRevoke() && loadedSince(in, intents):
		return fail(GrantInDoubt, fmt.Errorf("run %s has loaded generation %d of %s since, and may have spent it; what it was issued is searched for first", intents[len(intents)-1].RunID, p.Generation, in.Account))
	}
	return nil
}

// loadedSince reports whether the last run on the intent record came after the one that
// loaded the grant.
func loadedSince(in LoadResult, intents []vault.Intent) bool {
	if len(intents) == 0 {
		return false
	}
	last := intents[len(intents)-1].RunID
	return last != in.RunID && !slices.ContainsFunc(in.MayHaveSpent, func(i vault.Intent) bool { return i.RunID == last })
}

func answerLost(in LoadResult) error {
	return fail(AnswerLost, fmt.Errorf("%s has issued a pair for generation %d of %s in an answer that cannot be used, and does not repeat it; presenting the token again would end the grant",
		in.ProviderTitle, in.Provenance.Generation, in.Account))
}
