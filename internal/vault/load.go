package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tokenkeeper/internal/token"
)

// Load finds the refresh token to spend, which is the current version unless a newer one
// lies under it, and reads the access token's tags. A generation below atLeast is known
// to be old, so that all versions are listed for a newer one. It returns no token of another
// provider: after a move, the old provider's workflow must not spend it.
func (v *Vault) Load(ctx context.Context, n Names, atLeast token.Generation) (RefreshToken, AccessTokenInfo, error) {
	return v.load(ctx, n, atLeast, func(RefreshToken) bool { return false })
}

// LoadKnown is Load after a run that has stored the given refresh token. The access token
// is left out where the current version is that very one and no run has put its intent on
// it since: a run that had spent it would have, and a late writer would have put another
// version on top. known is true then, and the access token's tags are not read.
// Where a refresh spends nothing, the token's own tags are enough.
func (v *Vault) LoadKnown(ctx context.Context, n Names, last Last, spends bool) (t RefreshToken, access AccessTokenInfo, known bool, err error) {
	t, access, err = v.load(ctx, n, last.Generation, func(current RefreshToken) bool {
		known = last.describes(current, n, spends)
		return known
	})
	return t, access, known, err
}

// Last is the refresh token that an account's last run has stored.
type Last struct {
	Generation  token.Generation
	Fingerprint token.Fingerprint
	Version     string
}

// describes reports whether the current version is still what the last run has stored, so
// that nothing newer can be.
func (l Last) describes(current RefreshToken, n Names, spends bool) bool {
	switch {
	case !current.tagged, current.proofOver != "", n.Provider != "" && current.Provider != n.Provider:
		return false
	case current.Fingerprint != l.Fingerprint, current.Generation != l.Generation:
		return false
	}
	return !spends || current.Version == l.Version && len(current.Intents()) == 0
}

// load is Load; known reports whether the current version needs nothing to vouch for it.
func (v *Vault) load(ctx context.Context, n Names, atLeast token.Generation, known func(RefreshToken) bool) (RefreshToken, AccessTokenInfo, error) {
	if atLeast > latestGeneration(time.Now()) {
		atLeast = 0 // there is no such generation, whatever says so
	}
	for range maxRounds {
		began := time.Now()
		current, err := v.readRefresh(ctx, n)
		if err != nil {
			return RefreshToken{}, AccessTokenInfo{}, err
		}
		isKnown, access := known(current), AccessTokenInfo{}
		if !isKnown {
			access, err = v.readAccess(ctx, n)
		}
		settled, top := err == nil, current.Version
		switch {
		case isKnown:
		case settled && needsScan(current, access, n, atLeast):
			current, settled, err = v.scan(ctx, n, top, access)
		case settled && !current.tagged:
			current.Shown = current.follows
		}
		current.top, current.readAt = top, began
		current.number(atLeast)
		switch {
		case err != nil:
			return RefreshToken{}, AccessTokenInfo{}, err
		case settled:
			if err := n.checkIssuer(current); err != nil {
				return RefreshToken{}, AccessTokenInfo{}, err
			}
			return current, access, nil
		}
	}
	return RefreshToken{}, AccessTokenInfo{}, &Error{Op: "get", Name: n.RefreshToken, Kind: ErrUnavailable, Detail: "other writers change it as fast as it is read"}
}

// needsScan reports whether all versions must be listed to find the newest: the current
// one was written by hand or as a proof, neither the access token nor its own tags vouch
// for it, it is older than what is known, or its tags do not say that the provider issued it.
func needsScan(current RefreshToken, access AccessTokenInfo, n Names, atLeast token.Generation) bool {
	switch {
	case n.Provider != "" && current.Provider != n.Provider:
		return true
	case current.proofOver != "":
		return true // it may cover what came just before it
	case current.tagged:
		return current.Generation < atLeast || !access.vouchesFor(current.Generation)
	case !current.hasFollows || atLeast > 0 && current.follows < atLeast:
		return true
	default:
		return !access.vouchesForConsent(current)
	}
}

// LoadCurrent is Load where a look has little time: it lists no versions where the current
// one has tags, is of at least the given generation, and the access token shows no later
// one. It says nothing of what lies under it.
func (v *Vault) LoadCurrent(ctx context.Context, n Names, atLeast token.Generation) (RefreshToken, error) {
	current, err := v.readRefresh(ctx, n)
	if err != nil {
		return RefreshToken{}, err
	}
	access, err := v.readAccess(ctx, n)
	switch {
	case err != nil:
		return RefreshToken{}, err
	case current.tagged && current.Generation >= atLeast && access.Generation <= current.Generation && (n.Provider == "" || current.Provider == n.Provider):
		return current, nil
	}
	current, _, err = v.Load(ctx, n, 0)
	return current, err
}

// number gives a consent that has no generation yet the next one: generations go on over
// all of an account's consents, also over those that the vault has lost.
func (t *RefreshToken) number(atLeast token.Generation) {
	if t.tagged {
		t.Shown = t.Generation
		return
	}
	t.Generation = t.Shown + 1
	if atLeast > 0 {
		t.Generation = max(t.Generation, atLeast+1)
	}
}

// scan finds the newest of all versions, and numbers a new consent. It is not settled
// where the current version changed since it was read: what numbers a consent must be a
// list of all that came before it, and of nothing that came after.
func (v *Vault) scan(ctx context.Context, n Names, version string, access AccessTokenInfo) (t RefreshToken, settled bool, err error) {
	versions, err := v.secrets.Versions(ctx, n.RefreshToken)
	if err != nil {
		return RefreshToken{}, false, err
	}
	current, err := v.readRefresh(ctx, n)
	if err != nil || current.Version != version {
		return RefreshToken{}, false, err
	}
	o := newOrder(versions)
	current.VersionsRead, current.others = len(versions), o.others(n.Provider)
	consent, err := v.readCovered(ctx, n.RefreshToken, o, current.Provenance, current.proofOver)
	if err != nil {
		return RefreshToken{}, false, err
	}
	if consent.usable() {
		consent.covered, consent.VersionsRead, consent.others = true, len(versions), current.others
		consent.Shown = o.nextGeneration(access) - 1
		return consent, true, nil
	}
	if o.isStale(current) {
		newest, err := v.readNewest(ctx, n.RefreshToken, o)
		newest.VersionsRead, newest.others = len(versions), current.others
		switch {
		case err != nil || newest.usable():
			return newest, true, err
		case len(o.ranked) > maxReads:
			return RefreshToken{}, true, copiedTags(n.RefreshToken)
		}
	}
	current.Shown = o.nextGeneration(access) - 1
	return current, true, nil
}

// RecordIntent writes the intent record, the run and the time, onto the refresh token
// that run is about to spend, with the earlier runs that may have spent it. It fails
// where the vault would refuse the token that the refresh issues: it writes the record as
// a new version until one of its kind was taken, and as a change of tags from then on.
// Where it writes a version, has waited for another one's, or has taken long, a token that
// was changed since Load must be loaded again: other runs may have spent it meanwhile.
func (v *Vault) RecordIntent(ctx context.Context, n Names, a token.Account, t RefreshToken, run Run, earlier []Intent) error {
	if err := v.proveAccess(ctx, n.AccessToken); err != nil {
		return err
	}
	tags := func() map[string]string { return withIntent(t, a, run, earlier, time.Now()) }
	if t.covered { // only a new version puts it on top
		return v.prove(ctx, n.RefreshToken, t, tags(), func() {})
	}
	turn, err := v.proofs.take(ctx, n.RefreshToken, kindOf(t.properties))
	if err != nil {
		return err
	}
	defer turn.release()
	if turn.proves {
		return v.prove(ctx, n.RefreshToken, t, tags(), turn.release)
	}
	if turn.waited || t.isOld() {
		if _, err := v.readUnchanged(ctx, n.RefreshToken, t); err != nil {
			return err
		}
		t.readAt = time.Now()
	}
	if err := v.secrets.SetTags(ctx, n.RefreshToken, t.Version, tags()); err != nil || !t.isOld() {
		return err
	}
	if current, err := v.readCurrent(ctx, n.RefreshToken); err != nil || current.Version != t.top {
		return cmp.Or(err, changedMeanwhile(n.RefreshToken))
	}
	return nil
}

// isOld reports whether it was read so long ago that other runs may have rotated the token
// twice since, after which no replay window excuses presenting it.
func (t RefreshToken) isOld() bool { return !t.readAt.IsZero() && time.Since(t.readAt) > time.Second }

// readRefresh reads the current refresh token, and adds the fix to an error.
func (v *Vault) readRefresh(ctx context.Context, n Names) (RefreshToken, error) {
	t, err := v.read(ctx, n.RefreshToken, "")
	if err != nil {
		return RefreshToken{}, v.withFix(ctx, err, n.RefreshToken, "the refresh token from the provider's consent",
			n.Command("authorize")+", or with one at hand: "+n.Command("import"))
	}
	return t, nil
}

// read reads one version of a token.
func (v *Vault) read(ctx context.Context, name, version string) (RefreshToken, error) {
	s, err := v.secrets.Get(ctx, name, version)
	if err != nil {
		return RefreshToken{}, err
	}
	t := refreshTokenOf(s)
	if !t.usable() {
		return RefreshToken{}, &Error{Op: "read", Name: name, Kind: ErrMalformed, Detail: "it " + t.problem.Error(),
			Fix: "store the refresh token from the provider's consent in it, and nothing else"}
	}
	return t, nil
}

// readAccess reads the access token's tags. An access token that is absent, deleted
// or disabled states nothing, and that is no error.
func (v *Vault) readAccess(ctx context.Context, n Names) (AccessTokenInfo, error) {
	s, err := v.secrets.Get(ctx, n.AccessToken, "")
	switch {
	case unreadable(err):
		return AccessTokenInfo{}, nil
	case err != nil:
		return AccessTokenInfo{}, err
	}
	return accessTokenOf(s), nil
}

// copiedTags is the error for a spent token on top of so many versions with other values'
// tags that the newest is not found.
func copiedTags(name string) error {
	return &Error{Op: "read", Name: name, Kind: ErrMalformed,
		Detail: fmt.Sprintf("it is spent, and the tags of the %d newest other versions describe other values, as where another program copies them", maxReads),
		Fix:    "end that program, and store the refresh token from the provider's consent in it, without tags"}
}

// absent reports whether a name or version is missing or soft-deleted.
func absent(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDeleted) }

// unreadable reports whether a version is absent or disabled.
func unreadable(err error) bool { return absent(err) || errors.Is(err, ErrDisabled) }
