package vault

import (
	"context"
	"maps"
	"strconv"
	"time"

	"tokenkeeper/internal/token"
)

// StoreConsent stores the pair of a new consent, the refresh token first. It may be
// repeated. A pair may lack its access token; the one in the vault then stays.
//
// The versions state no generation, as if other tools had written them: what is in
// flight meets a token of another lineage and yields, and the first run numbers it. Of
// two consents at one time the one that is written last counts. The receipt is
// Superseded where a run has spent the token already, and where another consent came
// while this one was being stored.
func (v *Vault) StoreConsent(ctx context.Context, n Names, a token.Account, pair token.Pair) (Receipt, error) {
	if err := token.CheckValue(pair.RefreshToken.Reveal()); err != nil {
		return Receipt{}, &Error{Op: "set", Name: n.RefreshToken, Kind: ErrMalformed, Detail: "it " + err.Error()}
	}
	receipt, contentType, err := v.storeConsentRefresh(ctx, n.RefreshToken, a, pair)
	if err != nil || receipt.Superseded || pair.AccessToken.Empty() {
		return receipt, err
	}
	receipt.AccessTokenVersion, err = v.storeConsentAccess(ctx, n.AccessToken, a, pair, contentType)
	return receipt, err
}

// storeConsentRefresh makes the consent's refresh token the current version unless
// FenceConsent decides otherwise, and returns its content type.
func (v *Vault) storeConsentRefresh(ctx context.Context, name string, a token.Account, pair token.Pair) (receipt Receipt, contentType string, err error) {
	s := consentSight{name: name, consent: pair.RefreshToken.Fingerprint()}
	var written mark
	outOfRounds := staleOnTop
	for range maxRounds {
		if err := v.readForConsent(ctx, &s); err != nil {
			return Receipt{}, "", err
		}
		if written.isStale(s.current) {
			receipt = Receipt{RefreshTokenVersion: written.written.Version}
			return receipt, s.current.ContentType, v.checkFollows(ctx, s, written.written, true)
		}
		if decision := FenceConsent(s.consent, s.view); decision != Write {
			receipt = Receipt{RefreshTokenVersion: s.current.Version, Superseded: decision == Superseded}
			return receipt, s.current.ContentType, v.checkFollows(ctx, s, s.current, written.written.Version != "")
		}
		own, err := v.consentTags(ctx, s, withGrantEnds(originTags(a, s.consent, pair.Issue), pair.GrantEnds))
		if err != nil {
			return Receipt{}, "", err
		}
		p, recovered, err := v.set(ctx, name, pair.RefreshToken, s.current.renewed(own, intentTags))
		switch {
		case err != nil:
			return Receipt{}, "", err
		case recovered:
			s.before, outOfRounds = nil, deletedAgain // versions came back that were not listed
		default:
			written = mark{p, s.current.Version}
			s.view.Written, outOfRounds = true, staleOnTop
		}
	}
	return Receipt{}, "", outOfRounds(name)
}

// consentTags adds to a consent's own tags what it follows, so that Load lists nothing to
// number it. One that is written again keeps the number that it has: with another one, two
// tokens would claim the generation of its successor in flight.
func (v *Vault) consentTags(ctx context.Context, s consentSight, own map[string]string) (map[string]string, error) {
	own[tagFollows] = strconv.Itoa(int(s.latest))
	if !s.view.Written {
		return own, nil
	}
	versions, err := v.secrets.Versions(ctx, s.name)
	if err != nil {
		return nil, err
	}
	for _, numbered := range newOrder(versions).ranked {
		if numbered.Fingerprint == s.consent {
			delete(own, tagFollows)
			own[tagGeneration], own[tagConsent] = strconv.Itoa(int(numbered.Generation)), string(numbered.Consent)
			return own, nil
		}
	}
	return own, nil
}

// checkFollows takes from a consent's version the tag that states what it follows, where
// a later generation came while it was being written. Load then lists to number it.
func (v *Vault) checkFollows(ctx context.Context, s consentSight, written Properties, now bool) error {
	follows, stated := generationOf(written, tagFollows, -1)
	if !stated {
		return nil // numbered already
	}
	versions := s.versions // where the consent was there before, they came after it
	if now {
		var err error
		if versions, err = v.secrets.Versions(ctx, s.name); err != nil {
			return err
		}
	}
	if newOrder(versions).latest <= follows {
		return nil
	}
	for _, p := range versions {
		if p.Version == written.Version && p.Tags[tagFollows] != "" {
			tags := maps.Clone(p.Tags)
			delete(tags, tagFollows)
			return v.secrets.SetTags(ctx, s.name, p.Version, tags)
		}
	}
	return nil
}

// consentSight is what a store of a consent has read of the vault.
type consentSight struct {
	name     string
	consent  token.Fingerprint
	before   map[string]bool // versions from before the consent's token; nil: not listed yet
	versions []Properties    // of that listing
	latest   token.Generation
	view     ConsentView
	current  Properties // of the current version; zero where none can be read
}

// readForConsent lists what came before the consent's token, once, and reads the current
// version. It lists again only where that may change FenceConsent's decision: a listing
// takes a call per 25 versions.
func (v *Vault) readForConsent(ctx context.Context, s *consentSight) error {
	if s.before == nil {
		versions, err := v.secrets.Versions(ctx, s.name)
		if err != nil {
			return err
		}
		o := newOrder(versions)
		s.before, s.view.Written = o.earlier(s.consent)
		s.view.Spent, s.latest, s.versions = o.spent[s.consent], o.latest, versions
	}
	if s.view.Spent {
		return nil
	}
	found, err := v.secrets.Get(ctx, s.name, "")
	if s.view.Empty = unreadable(err); err != nil && !s.view.Empty {
		return err
	}
	current := refreshTokenOf(found)
	s.view.Current, s.view.Earlier, s.current = current.Provenance, false, found.Properties
	if FenceConsent(s.consent, s.view) != Superseded {
		return nil
	}
	versions, err := v.secrets.Versions(ctx, s.name)
	s.view.Earlier = newOrder(versions).descendsFrom(current, s.before)
	return err
}

// storeConsentAccess writes the consent's access token, unless it is there or a run
// has stored a later one of the same consent.
func (v *Vault) storeConsentAccess(ctx context.Context, name string, a token.Account, pair token.Pair, contentType string) (version string, err error) {
	own := originTags(a, pair.AccessToken.Fingerprint(), pair.Issue)
	own[tagConsent] = string(pair.RefreshToken.Fingerprint()) // so that it vouches for the consent
	for range maxRounds {
		current, err := v.secrets.Get(ctx, name, "")
		if err != nil && !unreadable(err) {
			return "", err
		}
		if err == nil {
			p, tagged := provenanceOf(current.Properties)
			if current.Value == pair.AccessToken || tagged && p.Consent == pair.RefreshToken.Fingerprint() {
				return current.Version, nil
			}
		}
		p := current.renewed(own, 0)
		if current.Version == "" {
			p.ContentType = contentType
		}
		if p.Expires = pair.Expiry; pair.Expiry.IsZero() {
			p.Expires = accessTokenOf(current).nextExpiry(time.Now())
		}
		written, recovered, err := v.set(ctx, name, pair.AccessToken, p)
		if err != nil || !recovered {
			return written.Version, err
		}
	}
	return "", deletedAgain(name)
}
