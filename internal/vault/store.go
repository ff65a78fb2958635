package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"tokenkeeper/internal/token"
)

// Entry is an issued pair that is to be stored.
type Entry struct {
	Account token.Account
	token.Pair
	// Provenance of the refresh token that is in force with this pair: of the one in
	// it, or of the old one where the provider did not rotate.
	Provenance token.Provenance
}

// Receipt is the outcome of a store.
type Receipt struct {
	Superseded          bool // the vault has something newer and was left as it is
	RefreshTokenVersion string
	AccessTokenVersion  string
	// AccessTokenNewer: where Superseded, the vault's access token is newer than the
	// entry's. Without it the newer grant has no access token of its own yet.
	AccessTokenNewer bool
}

// maxRounds bounds how often a write is tried again because of other writers. Each round
// takes another writer at the same moment; more than a few are a defect.
const maxRounds = 5

// Store writes the refresh token, then the access token. It skips what the vault has and
// refuses what is older, so that any process may repeat it at any time. An entry may lack
// its access token, which was then too long to store.
//
// Concurrent stores converge. The newer one rereads the refresh token after it has written
// the access token; the older one finds that access token, and makes the newer refresh
// token the current version again. If the older one dies before that, Load finds an access
// token of a later generation than the refresh token, and scans all versions.
//
// A read of the vault may be stale. What is read as current and was there before this
// store's own write is passed over, so that no generation is written twice for it.
func (v *Vault) Store(ctx context.Context, n Names, e Entry, run Run) (Receipt, error) {
	refresh, err := v.storeRefresh(ctx, n, e, run, mark{})
	switch {
	case err != nil:
		return Receipt{}, err
	case refresh.superseded:
		// An earlier try may have written its access token over the newer one.
		newer, err := v.settleAccess(ctx, n, e)
		return Receipt{Superseded: true, RefreshTokenVersion: refresh.version, AccessTokenNewer: newer}, err
	}
	access, err := v.storeAccess(ctx, n, e, run, refresh.contentType)
	if err != nil {
		return Receipt{}, err
	}
	if access.superseded {
		return Receipt{Superseded: true, RefreshTokenVersion: access.refreshVersion, AccessTokenVersion: access.version, AccessTokenNewer: access.newer}, nil
	}
	last, err := v.storeRefresh(ctx, n, e, run, refresh.mark)
	if err == nil && last.superseded {
		// A newer store came between, whose access token this one may have covered.
		last = refresh
		_, err = v.settleAccess(ctx, n, e)
	}
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{RefreshTokenVersion: last.version, AccessTokenVersion: access.version}, nil
}

// Superseded is Store for an entry whose tokens cannot be had: it writes neither of them,
// and settles what is left where the vault has something newer. Superseded of the receipt
// is false where Store would write, or has written, the entry.
func (v *Vault) Superseded(ctx context.Context, n Names, e Entry) (Receipt, error) {
	current, decision, err := v.decideRefresh(ctx, n.RefreshToken, e.Provenance)
	if err != nil || decision != Superseded {
		return Receipt{}, err
	}
	newer, err := v.settleAccess(ctx, n, e)
	return Receipt{Superseded: true, RefreshTokenVersion: current.Version, AccessTokenNewer: newer}, err
}

// stored is the outcome of one step of Store.
type stored struct {
	version    string // the current one now
	superseded bool   // the vault has a newer refresh token
	mark       mark   // what storeRefresh wrote; zero for nothing
	// contentType is the refresh token's, for an access token that is not there yet.
	contentType string
	// refreshVersion is that of the newer refresh token, where storeAccess found it, and
	// newer whether the access token there is newer as well.
	refreshVersion string
	newer          bool
}

// mark is a version that was written, and the one that was current before.
type mark struct {
	written  Properties
	replaced string
}

// isStale reports whether a version that is read as the current one was there before the
// mark's, which covers it.
func (m mark) isStale(read Properties) bool {
	if m.written.Version == "" || read.Version == "" || read.Version == m.written.Version {
		return false
	}
	return read.Version == m.replaced || read.Created.Before(m.written.Created)
}

// storeRefresh makes the entry's refresh token the current version, unless a newer one is,
// or was written by this store already.
func (v *Vault) storeRefresh(ctx context.Context, n Names, e Entry, run Run, before mark) (stored, error) {
	for range maxRounds {
		current, decision, err := v.decideRefresh(ctx, n.RefreshToken, e.Provenance)
		contentType := current.properties.ContentType
		switch {
		case err != nil:
			return stored{}, err
		case before.isStale(current.properties):
			return stored{version: before.written.Version}, nil
		case decision == Conflict:
			return stored{}, &Error{Op: "set", Name: n.RefreshToken, Kind: ErrConflict,
				Detail: fmt.Sprintf("version %s and the token with fingerprint %s both are generation %d of one consent", current.Version, e.Provenance.Fingerprint, e.Provenance.Generation),
				Fix:    "find out which one the provider still takes"}
		case decision != Write, e.RefreshToken.Empty():
			// An empty one did not rotate: where the vault has lost the token in force
			// there is nothing to write, and the access token is still worth keeping.
			return stored{version: current.Version, superseded: decision == Superseded, contentType: contentType}, nil
		}
		own := withGrantEnds(tagsOf(e.Account, e.Provenance, e.Issue, run), e.GrantEnds)
		written, recovered, err := v.set(ctx, n.RefreshToken, e.RefreshToken, current.properties.renewed(own, intentTags))
		if err != nil || !recovered {
			return stored{version: written.Version, mark: mark{written, current.Version}, contentType: contentType}, err
		}
	}
	return stored{}, deletedAgain(n.RefreshToken)
}

// decideRefresh is FenceRefresh for the current version, except that a spent token
// that was written again by hand supersedes nothing. A consent whose tags state what it
// follows was not put there by hand; all versions are listed for any other.
func (v *Vault) decideRefresh(ctx context.Context, name string, issued token.Provenance) (RefreshToken, Decision, error) {
	current, err := v.readCurrent(ctx, name)
	if err != nil || !current.usable() {
		return current, Write, err
	}
	decision := FenceRefresh(current.Provenance, current.tagged, issued)
	if decision == Superseded && current.yieldsTo(issued) {
		decision = Write
	}
	if current.tagged || decision != Superseded || current.hasFollows && issued.Generation <= current.follows+1 {
		return current, decision, nil
	}
	versions, err := v.secrets.Versions(ctx, name)
	if newOrder(versions).spent[current.Fingerprint] {
		decision = Write
	}
	return current, decision, err
}

// settleAccess leaves the newest access token on top of a name that a superseded entry's
// may cover, and reports whether it is newer than that. All versions are listed only
// where the current one is not.
func (v *Vault) settleAccess(ctx context.Context, n Names, e Entry) (newer bool, err error) {
	current, err := v.readAccess(ctx, n)
	if err != nil || current.Tagged && current.isNewer(e) || !current.Tagged && current.Version != "" {
		return current.isNewer(e), err
	}
	if _, err := v.promoteNewest(ctx, n.AccessToken, e.Provenance.Generation); err != nil {
		return false, err
	}
	current, err = v.readAccess(ctx, n)
	return current.isNewer(e), err
}

// storeAccess makes the entry's access token the current version, unless a newer one is
// or there is a newer refresh token, which it puts on top. Where the entry has none, the
// current one is tagged with the entry's generation, for which it then vouches. One that
// is not there yet takes the refresh token's content type.
func (v *Vault) storeAccess(ctx context.Context, n Names, e Entry, run Run, contentType string) (stored, error) {
	own := e.Provenance
	own.Fingerprint = e.AccessToken.Fingerprint()
	for range maxRounds {
		current, err := v.readAccess(ctx, n)
		if err != nil {
			return stored{}, err
		}
		decision := FenceAccess(current, e.Provenance, own.Fingerprint, e.ObtainedAt)
		if !current.vouchesFor(e.Provenance.Generation) && !current.isOfConsent(e.Provenance) {
			newest, err := v.promoteNewest(ctx, n.RefreshToken, e.Provenance.Generation)
			if err != nil || newest.later {
				return stored{version: current.Version, superseded: true, refreshVersion: newest.version, newer: current.isNewer(e)}, err
			}
			decision = Write // the access token is of a lineage that is gone
		}
		if decision != Write {
			return stored{version: current.Version}, nil
		}
		if e.AccessToken.Empty() {
			return stored{version: current.Version}, v.raiseGeneration(ctx, n.AccessToken, current, e.Provenance.Generation)
		}
		p := current.properties.renewed(tagsOf(e.Account, own, e.Issue, run), 0)
		if current.Version == "" {
			p.ContentType = contentType
		}
		if p.Expires = e.Expiry; e.Expiry.IsZero() {
			p.Expires = current.nextExpiry(time.Now())
		}
		written, recovered, err := v.set(ctx, n.AccessToken, e.AccessToken, p)
		if err != nil || !recovered {
			return stored{version: written.Version}, err
		}
	}
	return stored{}, deletedAgain(n.AccessToken)
}

// raiseGeneration tags an access token that is there with a later generation.
func (v *Vault) raiseGeneration(ctx context.Context, name string, current AccessTokenInfo, g token.Generation) error {
	if !current.Tagged || current.Generation >= g {
		return nil // one without tags vouches for nothing, and every load scans
	}
	tags := maps.Clone(current.properties.Tags)
	tags[tagGeneration] = strconv.Itoa(int(g))
	return v.secrets.SetTags(ctx, name, current.Version, tags)
}

// set writes a version. A soft-deleted name is recovered instead; the caller then
// rereads what came back before it writes.
func (v *Vault) set(ctx context.Context, name string, value token.Secret, p Properties) (written Properties, recovered bool, err error) {
	written, err = v.secrets.Set(ctx, name, value, p)
	if len(value.Reveal()) <= token.MaxLength { // else it is the value that is refused
		v.proofs.record(name, kindOf(p), err)
	}
	if errors.Is(err, ErrDeleted) {
		return Properties{}, true, v.secrets.Recover(ctx, name)
	}
	return written, false, err
}

func deletedAgain(name string) error {
	return &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "it is deleted as often as it is recovered", Fix: "find out who deletes it"}
}

func staleOnTop(name string) error {
	return &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "other writers keep putting older tokens on top"}
}
