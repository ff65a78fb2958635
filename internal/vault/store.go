package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"tokenkeeper/internal/token"
)

// ErrConflict: two refresh tokens of one consent claim the same generation.
var ErrConflict = errors.New("conflict")

// Entry is an issued pair on its way into the vault.
type Entry struct {
	Account token.Account
	token.Pair
	// Provenance of the refresh token that is in force with this pair: of the
	// one in it, or of the old one where the provider did not rotate.
	Provenance token.Provenance
}

// Receipt says what became of an entry.
type Receipt struct {
	// Superseded: the vault holds something newer and was left as it is.
	Superseded          bool
	RefreshTokenVersion string
	AccessTokenVersion  string
}

// How often a store looks again after writers that it races with. Each round
// needs another writer at the same moment; more than a few are a defect.
const maxRounds = 5

// Store writes the refresh token, then the access token. Each write is skipped
// where the vault already holds that token and refused where it holds a newer
// one, so that Store may be repeated, by anyone, at any time.
//
// Another writer may come between a look and a write. Whoever writes last finds
// out: the newer one because it looks at the refresh token again at the end, the
// older one because it meets the newer access token. Where the older one dies
// before it can mend what it did, Load sees the same difference.
func (v *Vault) Store(ctx context.Context, n Names, e Entry, run Run) (Receipt, error) {
	refresh, superseded, err := v.storeRefresh(ctx, n, e, run)
	if err != nil || superseded {
		return Receipt{Superseded: superseded, RefreshTokenVersion: refresh}, err
	}
	access, superseded, err := v.storeAccess(ctx, n, e, run)
	if err != nil {
		return Receipt{}, err
	}
	if superseded {
		refresh, err = v.restore(ctx, n.RefreshToken)
		return Receipt{Superseded: true, RefreshTokenVersion: refresh, AccessTokenVersion: access}, err
	}
	again, superseded, err := v.storeRefresh(ctx, n, e, run)
	if !superseded {
		refresh = again
	}
	return Receipt{RefreshTokenVersion: refresh, AccessTokenVersion: access}, err
}

// storeRefresh makes the entry's refresh token the current one, unless a newer
// one is, and returns the version that is current now.
func (v *Vault) storeRefresh(ctx context.Context, n Names, e Entry, run Run) (version string, superseded bool, err error) {
	for range maxRounds {
		held, version, exists, err := v.look(ctx, n.RefreshToken)
		if errors.Is(err, ErrDeleted) {
			if err := v.secrets.Recover(ctx, n.RefreshToken); err != nil {
				return "", false, err
			}
			continue
		}
		if err != nil {
			return "", false, err
		}
		verdict := Write
		if exists {
			verdict = FenceRefresh(held.Provenance, held.tagged, e.Provenance)
		}
		switch {
		case verdict == Skip:
			return version, false, nil
		case verdict == Superseded:
			return version, true, nil
		case verdict == Conflict:
			return "", false, &Error{Op: "set", Name: n.RefreshToken, Kind: ErrConflict,
				Detail: fmt.Sprintf("version %s and the token with fingerprint %s both are generation %d of one consent", version, e.Provenance.Fingerprint, e.Provenance.Generation),
				Fix:    "find out which one the provider still takes"}
		case e.RefreshToken.Empty():
			// Not rotated, and the vault lost the token that is in force: there
			// is nothing to write, and the access token is still worth keeping.
			return version, false, nil
		}
		p, err := v.secrets.Set(ctx, n.RefreshToken, e.RefreshToken, Properties{
			Tags: tagsOf(e.Account, e.Provenance, e.UserID, e.ObtainedAt, run),
		})
		if errors.Is(err, ErrDeleted) {
			if err := v.secrets.Recover(ctx, n.RefreshToken); err != nil {
				return "", false, err
			}
			continue
		}
		if err != nil {
			return "", false, err
		}
		return p.Version, false, nil
	}
	return "", false, &Error{Op: "set", Name: n.RefreshToken, Kind: ErrUnavailable, Detail: "it is deleted as often as it is recovered", Fix: "find out who deletes it"}
}

// storeAccess makes the entry's access token the current one. superseded says
// that the one in the vault is of a later generation.
func (v *Vault) storeAccess(ctx context.Context, n Names, e Entry, run Run) (version string, superseded bool, err error) {
	fingerprint := e.AccessToken.Fingerprint()
	held, err := v.access(ctx, n)
	if err != nil {
		return "", false, err
	}
	if FenceAccess(held, e.Provenance, fingerprint, e.ObtainedAt) != Write {
		return held.Version, held.Generation > e.Provenance.Generation, nil
	}
	own := e.Provenance
	own.Fingerprint = fingerprint
	properties := Properties{
		Tags:    tagsOf(e.Account, own, e.UserID, e.ObtainedAt, run),
		Expires: e.Expiry,
	}
	p, err := v.secrets.Set(ctx, n.AccessToken, e.AccessToken, properties)
	if errors.Is(err, ErrDeleted) {
		if err := v.secrets.Recover(ctx, n.AccessToken); err != nil {
			return "", false, err
		}
		p, err = v.secrets.Set(ctx, n.AccessToken, e.AccessToken, properties)
	}
	return p.Version, false, err
}

// restore puts the newest generation on top again and returns its version.
func (v *Vault) restore(ctx context.Context, name string) (version string, err error) {
	for range maxRounds {
		versions, err := v.secrets.Versions(ctx, name)
		if err != nil {
			return "", err
		}
		newest, known := newestOf(versions)
		current, version, exists, err := v.look(ctx, name)
		if err != nil {
			return "", err
		}
		p, _ := provenanceOf(newest.Tags)
		if !known || (exists && (!current.tagged || current.Generation >= p.Generation)) {
			return version, nil
		}
		h, err := v.read(ctx, name, newest.Version)
		if err != nil {
			return "", err
		}
		if _, err := v.secrets.Set(ctx, name, h.Value, Properties{Tags: newest.Tags}); err != nil {
			return "", err
		}
	}
	return "", &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "other writers keep putting older tokens on top"}
}

// look reads what the current version says of itself. A disabled one cannot be
// read, but the listing still shows its tags.
func (v *Vault) look(ctx context.Context, name string) (h Held, version string, exists bool, err error) {
	s, err := v.secrets.Get(ctx, name, "")
	switch {
	case err == nil:
		h = heldFrom(s)
		return h, h.Version, true, nil
	case errors.Is(err, ErrDisabled):
		versions, err := v.secrets.Versions(ctx, name)
		if err != nil || len(versions) == 0 {
			return Held{}, "", false, err
		}
		p := slices.MaxFunc(versions, latest)
		h.Provenance, h.tagged = provenanceOf(p.Tags)
		return h, p.Version, h.tagged, nil
	case errors.Is(err, ErrNotFound):
		return Held{}, "", false, nil
	default:
		return Held{}, "", false, err
	}
}

// latest orders versions by the vault's clock, whose resolution is a second,
// and within a second by generation.
func latest(a, b Properties) int {
	pa, _ := provenanceOf(a.Tags)
	pb, _ := provenanceOf(b.Tags)
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(pa.Generation, pb.Generation))
}
