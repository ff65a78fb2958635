package vault

import (
	"context"

	"tokenkeeper/internal/token"
)

// StoreConsent stores the pair of a new consent, the refresh token first. It may be
// repeated. A pair may lack its access token; the one in the vault then stays.
//
// The versions state no generation, as if other tools had written them: what is in
// flight meets a token of another lineage and yields, and the first run numbers it.
// Of two consents of one account at one time the one that is written last counts.
//
// The receipt is Superseded where a run has found and spent the token already, and
// where another consent came while this one was being stored.
func (v *Vault) StoreConsent(ctx context.Context, n Names, a token.Account, pair token.Pair) (Receipt, error) {
	if err := token.CheckValue(pair.RefreshToken.Reveal()); err != nil {
		return Receipt{}, &Error{Op: "set", Name: n.RefreshToken, Kind: ErrMalformed, Detail: "it " + err.Error()}
	}
	for range maxRounds {
		receipt, recovered, err := v.storeConsentRefresh(ctx, n.RefreshToken, a, pair)
		if recovered && err == nil {
			continue // with versions that the last round has not seen
		}
		if err != nil || receipt.Superseded || pair.AccessToken.Empty() {
			return receipt, err
		}
		receipt.AccessTokenVersion, err = v.storeConsentAccess(ctx, n.AccessToken, a, pair)
		return receipt, err
	}
	return Receipt{}, deletedAgain(n.RefreshToken)
}

// storeConsentRefresh makes the consent's refresh token the current version unless
// FenceConsent decides otherwise. A soft-deleted name is recovered instead.
func (v *Vault) storeConsentRefresh(ctx context.Context, name string, a token.Account, pair token.Pair) (receipt Receipt, recovered bool, err error) {
	value := pair.RefreshToken
	tags := originTags(a, value.Fingerprint(), pair.UserID, pair.ObtainedAt)
	s, err := v.listForConsent(ctx, name, value.Fingerprint())
	if err != nil {
		return Receipt{}, false, err
	}
	for range maxRounds {
		if err := v.readForConsent(ctx, &s); err != nil {
			return Receipt{}, false, err
		}
		if decision := FenceConsent(s.consent, s.view); decision != Write {
			return Receipt{RefreshTokenVersion: s.version, Superseded: decision == Superseded}, false, nil
		}
		if _, recovered, err := v.set(ctx, name, value, Properties{Tags: tags}); err != nil || recovered {
			return Receipt{}, recovered, err
		}
		s.view.Written = true
	}
	return Receipt{}, false, staleOnTop(name)
}

// consentSight is what a store of a consent knows of the vault.
type consentSight struct {
	name    string
	consent token.Fingerprint
	// before are the versions that came before the consent's token.
	before  map[string]bool
	view    ConsentView
	version string // the current one
}

// listForConsent reads what was in the vault before the consent's token.
func (v *Vault) listForConsent(ctx context.Context, name string, consent token.Fingerprint) (consentSight, error) {
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return consentSight{}, err
	}
	o := newOrder(versions)
	s := consentSight{name: name, consent: consent, view: ConsentView{Spent: o.spent[consent]}}
	s.before, s.view.Written = o.earlier(consent)
	return s, nil
}

// readForConsent reads the current version. It lists all of them again only where
// that may change FenceConsent's decision: a listing takes a call per 25 versions.
func (v *Vault) readForConsent(ctx context.Context, s *consentSight) error {
	if s.view.Spent {
		return nil
	}
	found, err := v.secrets.Get(ctx, s.name, "")
	if s.view.Empty = unreadable(err); s.view.Empty {
		s.view.Current = token.Provenance{}
		return nil
	}
	if err != nil {
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
