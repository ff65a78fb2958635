package vault

import (
	"context"
	"errors"
	"slices"
	"time"

	"tokenkeeper/internal/token"
)

// StoreConsent puts the pair of a person's new consent into the vault, the refresh
// token first. It may be repeated. A pair may lack its access token, and then the
// one in the vault stays.
//
// The versions carry no generation, as if the person had put them there with
// other tools: whatever is in flight meets a token that is none of its line and
// yields, and the first run numbers it. Two consents of one account at one time
// are like that too: the one that is put there last counts.
//
// The receipt says Superseded where the token was spent already, by a run that
// found it, and where another consent came while this one was being put there.
func (v *Vault) StoreConsent(ctx context.Context, n Names, a token.Account, pair token.Pair) (Receipt, error) {
	if err := token.CheckValue(pair.RefreshToken.Reveal()); err != nil {
		return Receipt{}, &Error{Op: "set", Name: n.RefreshToken, Kind: ErrMalformed, Detail: "it " + err.Error()}
	}
	tags := consentTags(a, pair, pair.RefreshToken)
	for range maxRounds {
		version, superseded, again, err := v.putConsent(ctx, n.RefreshToken, pair.RefreshToken, tags)
		if again && err == nil {
			continue
		}
		receipt := Receipt{RefreshTokenVersion: version, Superseded: superseded}
		if err != nil || superseded || pair.AccessToken.Empty() {
			return receipt, err
		}
		receipt.AccessTokenVersion, err = v.putAccess(ctx, n.AccessToken, a, pair)
		return receipt, err
	}
	return Receipt{}, deletedAgain(n.RefreshToken)
}

// putConsent makes the token the current one, over whatever was there when it
// began and over what comes of that meanwhile. again says that the name had been
// deleted and is back, with versions that nobody has looked at.
func (v *Vault) putConsent(ctx context.Context, name string, value token.Secret, tags map[string]string) (version string, superseded, again bool, err error) {
	before, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return "", false, false, err
	}
	if spent(value.Fingerprint(), before) {
		return "", true, false, nil
	}
	before, written := beforeFirst(value.Fingerprint(), before)
	for range maxRounds {
		current, err := v.secrets.Get(ctx, name, "")
		held := heldFrom(current)
		switch {
		case absent(err), errors.Is(err, ErrDisabled):
		case err != nil:
			return "", false, false, err
		case held.Fingerprint == value.Fingerprint(), held.Consent == value.Fingerprint():
			return held.Version, false, false, nil
		case written:
			versions, err := v.secrets.Versions(ctx, name)
			if err != nil || !cameOf(held, before, versions) {
				return held.Version, true, false, err
			}
		}
		if _, again, err := v.set(ctx, name, value, Properties{Tags: tags}); err != nil || again {
			return "", false, again, err
		}
		written = true
	}
	return "", false, false, &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "other writers keep putting older tokens on top"}
}

// beforeFirst are the versions that are not later than the first one that holds
// this token; all of them, and false, where none does. One without a generation is
// not among them if it was written in the same second: what covers ours came later.
func beforeFirst(f token.Fingerprint, versions []Properties) ([]Properties, bool) {
	var first time.Time
	for _, p := range versions {
		if p.Tags[tagFingerprint] == string(f) && (first.IsZero() || p.Created.Before(first)) {
			first = p.Created
		}
	}
	if first.IsZero() {
		return versions, false
	}
	return slices.DeleteFunc(slices.Clone(versions), func(p Properties) bool {
		_, tagged := provenanceOf(p.Tags)
		return p.Created.After(first) || !tagged && !p.Created.Before(first)
	}), true
}

// cameOf reports whether a token was among the versions before, or descends from
// one of them. now are the same versions and later ones, with the tags that they
// have by now.
func cameOf(h RefreshToken, before, now []Properties) bool {
	return slices.ContainsFunc(now, func(p Properties) bool {
		if !slices.ContainsFunc(before, func(b Properties) bool { return b.Version == p.Version }) {
			return false
		}
		line, tagged := provenanceOf(p.Tags)
		return p.Version == h.Version || tagged && h.tagged && line.Consent == h.Consent
	})
}

// putAccess writes the access token of a consent, unless it is there or a run has
// stored a later one of the same consent.
func (v *Vault) putAccess(ctx context.Context, name string, a token.Account, pair token.Pair) (version string, err error) {
	for range maxRounds {
		current, err := v.secrets.Get(ctx, name, "")
		if err != nil && !absent(err) && !errors.Is(err, ErrDisabled) {
			return "", err
		}
		if err == nil {
			line, tagged := provenanceOf(current.Tags)
			if current.Value == pair.AccessToken || tagged && line.Consent == pair.RefreshToken.Fingerprint() {
				return current.Version, nil
			}
		}
		p, again, err := v.set(ctx, name, pair.AccessToken, Properties{Tags: consentTags(a, pair, pair.AccessToken), Expires: pair.Expiry})
		if err != nil || !again {
			return p.Version, err
		}
	}
	return "", deletedAgain(name)
}

// consentTags say of a token of a consent what is known of it. There is no
// generation among them: see Consent.
func consentTags(a token.Account, pair token.Pair, value token.Secret) map[string]string {
	tags := map[string]string{
		tagFingerprint: string(value.Fingerprint()),
		tagProvider:    a.Provider,
		tagAccount:     a.Name,
	}
	if pair.UserID != "" {
		tags[tagUserID] = truncate(pair.UserID)
	}
	if !pair.ObtainedAt.IsZero() {
		tags[tagObtainedAt] = pair.ObtainedAt.UTC().Format(time.RFC3339Nano)
	}
	return tags
}
