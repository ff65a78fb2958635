package vault

import (
	"context"

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
	receipt, err := v.storeConsentRefresh(ctx, n.RefreshToken, a, pair)
	if err != nil || receipt.Superseded || pair.AccessToken.Empty() {
		return receipt, err
	}
	receipt.AccessTokenVersion, err = v.storeConsentAccess(ctx, n.AccessToken, a, pair)
	return receipt, err
}

// storeConsentRefresh makes the consent's refresh token the current version unless
// FenceConsent decides otherwise.
func (v *Vault) storeConsentRefresh(ctx context.Context, name string, a token.Account, pair token.Pair) (Receipt, error) {
	s := consentSight{name: name, consent: pair.RefreshToken.Fingerprint()}
	tags := originTags(a, s.consent, pair.UserID, pair.ObtainedAt)
	outOfRounds := staleOnTop
	for range maxRounds {
		if err := v.readForConsent(ctx, &s); err != nil {
			return Receipt{}, err
		}
		if decision := FenceConsent(s.consent, s.view); decision != Write {
			return Receipt{RefreshTokenVersion: s.version, Superseded: decision == Superseded}, nil
		}
		_, recovered, err := v.set(ctx, name, pair.RefreshToken, Properties{Tags: tags})
		switch {
		case err != nil:
			return Receipt{}, err
		case recovered:
			s.before, outOfRounds = nil, deletedAgain // versions came back that were not listed
		default:
			s.view.Written, outOfRounds = true, staleOnTop
		}
	}
	return Receipt{}, outOfRounds(name)
}

// consentSight is what a store of a consent has read of the vault.
type consentSight struct {
	name    string
	consent token.Fingerprint
	before  map[string]bool // versions from before the consent's token; nil: not listed yet
	view    ConsentView
	version string // the current one
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
		s.view.Spent = o.spent[s.consent]
	}
	if s.view.Spent {
		return nil
	}
	found, err := v.secrets.Get(ctx, s.name, "")
	if s.view.Empty = unreadable(err); err != nil && !s.view.Empty {
		return err
	}
	current := refreshTokenOf(found)
	s.view.Current, s.view.Earlier, s.version = current.Provenance, false, current.Version
	if FenceConsent(s.consent, s.view) != Superseded {
		return nil
	}
	versions, err := v.secrets.Versions(ctx, s.name)
	s.view.Earlier = newOrder(versions).descendsFrom(current, s.before)
	return err
}

// storeConsentAccess writes the consent's access token, unless it is there or a run
// has stored a later one of the same consent.
func (v *Vault) storeConsentAccess(ctx context.Context, name string, a token.Account, pair token.Pair) (version string, err error) {
	tags := originTags(a, pair.AccessToken.Fingerprint(), pair.UserID, pair.ObtainedAt)
	for range maxRounds {
		current, err := v.secrets.Get(ctx, name, "")
		if err != nil && !unreadable(err) {
			return "", err
		}
		if err == nil {
			p, tagged := provenanceOf(current.Tags)
			if current.Value == pair.AccessToken || tagged && p.Consent == pair.RefreshToken.Fingerprint() {
				return current.Version, nil
			}
		}
		written, recovered, err := v.set(ctx, name, pair.AccessToken, Properties{Tags: tags, Expires: pair.Expiry})
		if err != nil || !recovered {
			return written.Version, err
		}
	}
	return "", deletedAgain(name)
}
