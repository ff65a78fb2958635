package vault

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"tokenkeeper/internal/token"
)

// PromoteSuccessor looks for a refresh token that takes a dead one's place: a later
// generation, or a consent that was written over, however much came after it. It makes
// sure that Load finds it and reports whether there is one. Asked again with that one as
// the dead token, it finds the next; each consent takes a place once. A disabled later
// generation is an error (ErrDisabled). So is another provider's token on top, and one of
// unknown issue where FenceIssuer lets nothing present it (ErrOtherProvider).
func (v *Vault) PromoteSuccessor(ctx context.Context, n Names, a token.Account, dead token.Provenance, run Run) (bool, error) {
	return v.promote(ctx, n, a, dead, run, false)
}

// PromoteNewer is PromoteSuccessor for a token that may be alive. So it takes only what is
// newer by its own tags, or what was issued for that very token: a consent that was written
// over may be the older one, and the token whose place it takes is never presented again.
func (v *Vault) PromoteNewer(ctx context.Context, n Names, a token.Account, doubted token.Provenance, run Run) (bool, error) {
	return v.promote(ctx, n, a, doubted, run, true)
}

func (v *Vault) promote(ctx context.Context, n Names, a token.Account, dead token.Provenance, run Run, inDoubt bool) (bool, error) {
	current, err := v.readCurrent(ctx, n.RefreshToken)
	if err != nil {
		return false, err
	}
	if n.otherProvider(current.Provider) {
		return false, n.checkIssuer(current)
	}
	access, err := v.readAccess(ctx, n)
	if err != nil {
		return false, err
	}
	if current.succeeds(dead) && !needsScan(current, access, n, 0) {
		return true, nil // Load finds it as it is, and lists nothing either
	}
	versions, err := v.secrets.Versions(ctx, n.RefreshToken)
	if err != nil {
		return false, err
	}
	current, o := current.relisted(versions), newOrder(versions)
	if current.usable() && current.Fingerprint != dead.Fingerprint && !current.tagged && !o.spent[current.Fingerprint] {
		current.others = o.others(n.Provider)
		err := n.checkIssuer(current)
		return err == nil, err // nothing outranks a new consent, and Load finds it as it is
	}
	next, err := v.readSuccessor(ctx, n, o, dead, access, inDoubt)
	switch {
	case err != nil, !next.usable():
		return false, err
	case current.usable() && current.Fingerprint == next.Fingerprint && !next.hidden && !o.isStale(current):
		return true, nil
	}
	tags := withGeneration(next.RefreshToken, a, run)
	if next.hidden || !inDoubt && !o.newer(next.Provenance, dead) {
		tags = programs(tags)
		tags[tagGeneration] = strconv.Itoa(int(next.Generation))
		tags[tagPromoted] = string(dead.Fingerprint)
		tags = fitTags(tags, next.properties.Tags, 0)
	}
	if !next.tagged {
		// So that a consent that is written meanwhile is known to come after it.
		if err := v.secrets.SetTags(ctx, n.RefreshToken, next.Version, tags); err != nil {
			return false, err
		}
	}
	p := next.properties.over(current.properties)
	p.Expires = p.ownersExpiry(next.properties.Created, time.Now())
	p.Tags = tags
	if _, _, err := v.set(ctx, n.RefreshToken, next.Value, p); err != nil {
		return false, err
	}
	// A faster writer's token may lie under the successor now.
	_, err = v.promoteNewest(ctx, n.RefreshToken, next.Generation)
	return err == nil, err
}

// yieldsTo reports whether the current token is a consent that took the place of a token
// that looked dead, and has brought nothing yet: the provider has issued another token of
// its generation meanwhile, or for that very token, so that one is alive.
func (t RefreshToken) yieldsTo(issued token.Provenance) bool {
	from := fingerprintOf(t.properties, tagPromoted)
	return t.tagged && t.Parent == "" && from != "" && (t.Generation <= issued.Generation || from == issued.Parent)
}

// succeeds reports whether the current token takes a dead one's place by what its own
// tags state.
func (t RefreshToken) succeeds(dead token.Provenance) bool {
	if !t.usable() || t.Value.Empty() || t.Fingerprint == dead.Fingerprint {
		return false
	}
	return !t.tagged || t.Parent == dead.Fingerprint || t.Generation > dead.Generation
}

// successor is the token that takes a dead one's place; the zero value is none.
type successor struct {
	RefreshToken
	hidden bool // a consent, which gets its generation, or a later one, now
}

// readSuccessor reads the best candidate for a dead token's place, and numbers a consent.
// One whose tags describe another value is a consent too, and comes last. What may not be
// presented to the provider is none. In doubt no consent that was written over is one.
func (v *Vault) readSuccessor(ctx context.Context, n Names, o order, dead token.Provenance, access AccessTokenInfo, inDoubt bool) (successor, error) {
	number := func(t RefreshToken, g token.Generation) successor {
		t.Generation = g
		if access.Tagged {
			t.Generation = max(g, access.Generation)
		}
		return successor{t, true}
	}
	var copied RefreshToken
	candidates := slices.DeleteFunc(o.candidates(dead), func(c candidate) bool {
		unproven := c.hidden || c.Parent != dead.Fingerprint && !o.newer(c.Provenance, dead)
		return inDoubt && unproven || n.otherProvider(issuerOf(c.Properties, fingerprintOf(c.Properties, tagFingerprint), c.tagged))
	})
	for _, candidate := range candidates[:min(len(candidates), maxReads)] {
		t, err := v.read(ctx, n.RefreshToken, candidate.Version)
		switch {
		case errors.Is(err, ErrMalformed), err == nil && !(o.maySucceed(t, dead) && n.mayPresent(t, o)), candidate.hidden && unreadable(err):
		case err != nil:
			return successor{}, err
		case candidate.hidden:
			return number(t, candidate.number), nil
		case t.tagged:
			return successor{t, false}, nil
		case !copied.usable() && !inDoubt:
			copied = t
		}
	}
	if copied.usable() {
		return number(copied, max(o.latest, dead.Generation)+1), nil
	}
	return successor{}, nil
}

// promoted is what promoteNewest leaves on top.
type promoted struct {
	version string
	later   bool // it outranks the given generation: as a later one, or as a new consent
}

// promoteNewest puts a name's newest version on top again, where an older one covers it.
// What it reads as current and was there before its own write is a stale read.
func (v *Vault) promoteNewest(ctx context.Context, name string, than token.Generation) (promoted, error) {
	var written mark
	later := false
	for range maxRounds {
		current, o, err := v.readOrdered(ctx, name)
		if err != nil {
			return promoted{}, err
		}
		if written.isStale(current.properties) {
			return promoted{written.written.Version, later}, nil
		}
		if current.usable() && !o.isStale(current) {
			return promoted{current.Version, !current.tagged || current.Generation > than}, nil
		}
		newest, err := v.readNewest(ctx, name, o)
		switch {
		case errors.Is(err, ErrDisabled):
			return promoted{current.Version, o.latest > than}, nil // the owner disabled it, and may enable it
		case err != nil:
			return promoted{}, err
		case !newest.usable(), newest.Fingerprint == current.Fingerprint:
			return promoted{current.Version, current.Generation > than}, nil
		}
		p, _, err := v.set(ctx, name, newest.Value, newest.properties.over(current.properties))
		if err != nil {
			return promoted{}, err
		}
		written, later = mark{p, current.Version}, newest.Generation > than
	}
	return promoted{}, staleOnTop(name)
}

// maxReads bounds the versions that one search reads. Only other writers leave more that
// are passed over.
const maxReads = 50

// readNewest reads the version that ranks first, passing over those whose tags describe
// another value. A disabled one is an error: what lies under it is spent.
func (v *Vault) readNewest(ctx context.Context, name string, o order) (RefreshToken, error) {
	for read, candidate := range o.byValue() {
		if read == maxReads {
			break
		}
		t, err := v.read(ctx, name, candidate.Version)
		if errors.Is(err, ErrMalformed) || err == nil && !t.tagged {
			continue
		}
		return t, err
	}
	return RefreshToken{}, nil
}

// readOrdered reads the current version, and then all of them.
func (v *Vault) readOrdered(ctx context.Context, name string) (RefreshToken, order, error) {
	current, err := v.readCurrent(ctx, name)
	if err != nil {
		return RefreshToken{}, order{}, err
	}
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return RefreshToken{}, order{}, err
	}
	return current.relisted(versions), newOrder(versions), nil
}

// readCurrent reads the current version. Of a disabled one the listing shows the tags.
func (v *Vault) readCurrent(ctx context.Context, name string) (RefreshToken, error) {
	s, err := v.secrets.Get(ctx, name, "")
	switch {
	case err == nil:
		return refreshTokenOf(s), nil
	case absent(err):
		return RefreshToken{}, nil
	case !errors.Is(err, ErrDisabled):
		return RefreshToken{}, err
	}
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return RefreshToken{}, err
	}
	last, _ := newOrder(versions).lastDisabled()
	disabled := RefreshToken{Version: last.Version, properties: last.Properties}
	if last.tagged {
		disabled.Provenance, disabled.tagged = last.Provenance, true
		disabled.Provider = issuerOf(last.Properties, last.Fingerprint, true)
	}
	return disabled, nil
}
