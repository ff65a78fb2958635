package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

const (
	// exchangeTimeout bounds the exchange of a code. Ctrl-C does not interrupt it:
	// the code may be spent, and the only tokens of the consent in the answer.
	exchangeTimeout = 30 * time.Second
)

// consentFlow brings one consent of an account into the vault. authorize and
// migrate run it as a whole; import fills pending with tokens that it read.
type consentFlow struct {
	*vaultApp
	target  target
	options consentOptions
	// resumeCommand stores a consent that was saved on this machine.
	resumeCommand string
	// beforeStore runs when the consent is saved, before the vault gets it; nil for
	// nothing to do.
	beforeStore func() error

	existing consent.Existing
	client   token.Client
	asked    authorization
	pending  consent.PendingConsent
	audited  string // the action that the audit has for it; empty for auditConsent
	saved    bool   // pending is on disk
	unsaved  notices
	// superseded: the vault held something newer than pending, which stayed.
	superseded bool
}

// notices are what is said of a pending consent that is not on disk.
type notices struct{ whileStoring, notStored string }

// run stores the consent that an earlier attempt saved or, where there is none,
// a new one.
func (f *consentFlow) run(ctx context.Context) error {
	f.unsaved = notices{
		whileStoring: "Do not end this program: the consent is nowhere else.",
		notStored:    "The consent is lost with this program. Run it again.",
	}
	if err := f.preflight(ctx); err != nil {
		return err
	}
	done, err := f.resumePending(ctx)
	if err == nil && !done {
		err = f.requestConsent(ctx)
	}
	if err == nil && f.superseded {
		f.say("The vault holds something newer for %s, which was left as it is.", f.target)
	}
	return err
}

// storeGiven stores a consent whose tokens came by other means.
func (f *consentFlow) storeGiven(ctx context.Context, pair token.Pair) error {
	if err := f.preflight(ctx); err != nil {
		return err
	}
	if err := f.refusePending(ctx, f.target, "migrate", f.existing.RefreshToken); err != nil {
		return err
	}
	f.pending.Pair, f.audited = pair, auditImport
	if err := f.checkUser(); err != nil {
		return err
	}
	f.savePending(ctx)
	if err := f.storePending(ctx); err != nil {
		return err
	}
	if f.superseded {
		return fmt.Errorf("this token of %s was in the vault before, and something newer is there; nothing was changed", f.target)
	}
	return nil
}

func (f *consentFlow) preflight(ctx context.Context) (err error) {
	f.existing, err = f.Preflight(ctx, f.target.Location)
	f.pending.Over = f.existing.RefreshToken.Consent
	return err
}

// resumePending stores the consent that an earlier attempt saved. done is false
// where a new consent is needed.
func (f *consentFlow) resumePending(ctx context.Context) (done bool, err error) {
	earlier, found, err := f.PendingStore.Load(ctx, f.target.Account)
	if err != nil || !found {
		return false, err
	}
	at := when(earlier.ObtainedAt, time.Now())
	if earlier.IsOutdated(f.existing.RefreshToken) {
		f.say("A consent of %s, %s, was kept here, because it was not stored. The vault has got another one since, so the kept one is dropped.", f.target, at)
		return false, f.PendingStore.Delete(f.target.Account)
	}
	earlier.Client = earlier.ClientFor(f.existing)
	if f.options.client != "" {
		if earlier.Client, err = f.prompter.readClient(ctx, f.options.client); err != nil {
			return false, err
		}
	}
	f.say("Storing the consent of %s that was kept here, %s.", f.target, at)
	f.pending, f.saved = earlier, true
	if err := f.checkUser(); err != nil {
		return false, fmt.Errorf("%w; or remove %s to discard the consent that is kept there", err, f.PendingStore.Path(f.target.Account))
	}
	if err := f.confirmSameUser(ctx); err != nil {
		return false, err
	}
	return true, f.storePending(ctx)
}

func (f *consentFlow) requestConsent(ctx context.Context) error {
	if err := f.chooseClient(ctx); err != nil {
		return err
	}
	f.asked = newAuthorization(f.printer, f.prompter, f.target, f.options, f.client)
	return f.asked.run(ctx, f.use, func(err error) consent.Outcome {
		return outcomeOf(f.target.Provider.Title, f.superseded, err)
	})
}

// chooseClient takes the provider's app from the file that is named, from the
// vault, or from the operator.
func (f *consentFlow) chooseClient(ctx context.Context) (err error) {
	switch {
	case f.options.client != "":
		f.client, err = f.prompter.readClient(ctx, f.options.client)
	case f.existing.Client.ID != "":
		f.client = f.existing.Client
	default:
		f.say("The vault has no %s. They are those of your app at %s.", f.target.clientSecrets(), f.target.Provider.Title)
		f.client, err = f.prompter.askClient(ctx)
	}
	if f.client != f.existing.Client {
		f.pending.Client = f.client
	}
	return err
}

// use turns the redirect into tokens, and brings them into the vault.
func (f *consentFlow) use(ctx context.Context, redirect consent.Redirect, arrived func()) error {
	if err := f.exchange(ctx, redirect); err != nil {
		return err
	}
	arrived()
	if err := f.confirmSameUser(ctx); err != nil {
		return err
	}
	return f.storePending(ctx)
}

// outcomeOf is what the browser shows at the end.
func outcomeOf(providerTitle string, superseded bool, err error) consent.Outcome {
	var failure *provider.Failure
	reason := "see there."
	switch {
	case errors.Is(err, errSameUser):
		return consent.Outcome{Title: "Your consent is not in the vault", Text: "Another account is yours as well. See the window of the program that asked for your consent."}
	case err == nil && superseded:
		return consent.Outcome{Good: true, Title: "Your consent has arrived", Text: "The vault holds a newer one already. You can close this page."}
	case err == nil:
		return consent.Outcome{Good: true, Title: "Thank you, that is all", Text: fmt.Sprintf("Your consent at %s is in the vault. You can close this page.", providerTitle)}
	case errors.Is(err, consent.ErrDenied):
		reason = "the consent was refused."
	case errors.Is(err, consent.ErrOtherUser):
		reason = "another user consented before."
	case errors.As(err, &failure):
		reason = "the provider did not take the code (" + string(failure.Kind) + ")."
	}
	return consent.Outcome{Title: "Nothing was stored", Text: "The window of the program that asked for your consent says why: " + reason}
}

// exchange gets the tokens for the redirect's code, and saves them.
func (f *consentFlow) exchange(ctx context.Context, redirect consent.Redirect) (err error) {
	exchanging, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	if f.pending.Pair, err = f.oauth.Exchange(exchanging, f.target.Provider, f.client, f.asked.request, redirect.Code); err != nil {
		return err
	}
	if len(f.pending.Scopes) == 0 {
		f.pending.Scopes = f.target.Provider.SplitScopes(redirect.Scope)
	}
	if err := f.checkUser(); err != nil {
		return err
	}
	f.savePending(ctx)
	f.reportScopes()
	return nil
}

func (f *consentFlow) checkUser() error {
	return consent.CheckUser(f.target.Location, f.existing.RefreshToken.UserID, f.pending.UserID)
}

// savePending puts the consent on disk until the vault has it. A failure is only a
// warning, because the vault takes most consents at once.
func (f *consentFlow) savePending(ctx context.Context) {
	err := f.PendingStore.Save(context.WithoutCancel(ctx), f.target.Account, f.pending)
	if f.saved = err == nil; !f.saved {
		f.warn("this consent cannot be kept on this machine until the vault has it: %v", err)
	}
}

// reportScopes says what was granted, and what of the request was not.
func (f *consentFlow) reportScopes() {
	requested, granted := f.asked.request.Scopes, f.pending.Scopes
	if len(requested) == 0 {
		requested = f.target.Provider.Scopes
	}
	if len(granted) > 0 {
		f.say("Granted: %s.", strings.Join(granted, " "))
	}
	if missing := consent.MissingScopes(requested, granted); len(missing) > 0 {
		f.warn("not granted: %s; what needs them will not work; run it again and leave nothing out at %s, or ask for less with --scopes", strings.Join(missing, " "), f.target.Provider.Title)
	}
}

// storePending retries until the vault has the consent, and deletes the file. It
// says, once for each reason, why that takes long.
func (f *consentFlow) storePending(ctx context.Context) (err error) {
	path := f.PendingStore.Path(f.target.Account)
	notice := f.unsaved
	if f.saved {
		notice.whileStoring = "Ctrl-C loses nothing: it is kept sealed in " + path + "."
		notice.notStored = fmt.Sprintf("The vault has not taken the consent of %s. It is kept, sealed, in %s. To store it, run: %s", f.target, path, f.resumeCommand)
	}
	if f.beforeStore != nil {
		err = f.beforeStore()
	}
	var stored vault.Receipt
	if err == nil {
		last := ""
		stored, err = f.Store(ctx, f.target.Location, f.pending, func(failure error, _ time.Duration) {
			if reason := failure.Error(); reason != last {
				last = reason
				f.say("The vault does not take it yet: %s\nIt is tried again until it does. %s", reason, notice.whileStoring)
			}
		})
	}
	if err != nil {
		f.say("%s", notice.notStored)
		if ctx.Err() != nil {
			return errInterrupted
		}
		return err
	}
	if f.superseded = stored.Superseded; !f.superseded {
		f.reportStored()
		f.auditStored(ctx, cmp.Or(f.audited, auditConsent), f.target, f.pending.Pair, stored)
	}
	if f.saved {
		return f.PendingStore.Delete(f.target.Account)
	}
	return nil
}

func (f *consentFlow) reportStored() {
	names, p := f.target.Names, f.pending
	if p.AccessProblem != "" {
		f.warn("the access token %s, so %s was not written; the next refresh writes another one", p.AccessProblem, names.AccessToken)
	}
	where, expiry := fmt.Sprintf("the tokens of %s are in %s and %s", f.target, names.RefreshToken, names.AccessToken), ""
	if p.AccessToken.Empty() {
		where = fmt.Sprintf("the refresh token of %s is in %s", f.target, names.RefreshToken)
	} else if !p.Expiry.IsZero() {
		expiry = " The access token expires " + when(p.Expiry, time.Now()) + "."
	}
	f.say("Stored: %s.%s", where, expiry)
}
