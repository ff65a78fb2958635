package vault

import (
	"context"
	"errors"
	"fmt"

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
	if err == nil && superseded {
		// An earlier attempt may have written its access token over the newer one.
		_, _, err = v.restore(ctx, n.AccessToken, e.Provenance.Generation)
	}
	if err != nil || superseded {
		return Receipt{Superseded: superseded, RefreshTokenVersion: refresh}, err
	}
	if e.AccessToken.Empty() {
		return Receipt{RefreshTokenVersion: refresh}, nil // the answer's was too long to store
	}
	access, newer, err := v.storeAccess(ctx, n, e, run)
	if err != nil {
		return Receipt{}, err
	}
	if newer != "" {
		return Receipt{Superseded: true, RefreshTokenVersion: newer, AccessTokenVersion: access}, nil
	}
	again, superseded, err := v.storeRefresh(ctx, n, e, run)
	if err != nil {
		return Receipt{}, err
	}
	if !superseded {
		refresh = again
	} else if _, _, err := v.restore(ctx, n.AccessToken, e.Provenance.Generation); err != nil {
		// A newer writer came between, and ours may lie on its access token.
		return Receipt{}, err
	}
	return Receipt{RefreshTokenVersion: refresh, AccessTokenVersion: access}, nil
}

// storeRefresh makes the entry's refresh token the current one, unless a newer
// one is, and returns the version that is current now.
func (v *Vault) storeRefresh(ctx context.Context, n Names, e Entry, run Run) (version string, superseded bool, err error) {
	for range maxRounds {
		version, verdict, err := v.fence(ctx, n.RefreshToken, e.Provenance)
		switch {
		case err != nil:
			return "", false, err
		case verdict == Conflict:
			return "", false, &Error{Op: "set", Name: n.RefreshToken, Kind: ErrConflict,
				Detail: fmt.Sprintf("version %s and the token with fingerprint %s both are generation %d of one consent", version, e.Provenance.Fingerprint, e.Provenance.Generation),
				Fix:    "find out which one the provider still takes"}
		case verdict != Write:
			return version, verdict == Superseded, nil
		case e.RefreshToken.Empty():
			// Not rotated, and the vault lost the token that is in force: there
			// is nothing to write, and the access token is still worth keeping.
			return version, false, nil
		}
		p, again, err := v.set(ctx, n.RefreshToken, e.RefreshToken, Properties{
			Tags: tagsOf(e.Account, e.Provenance, e.UserID, e.ObtainedAt, run),
		})
		if err != nil || !again {
			return p.Version, false, err
		}
	}
	return "", false, deletedAgain(n.RefreshToken)
}

// fence is FenceRefresh for what the vault holds now, of which it returns the
// version. A spent token that a person put back supersedes nothing.
func (v *Vault) fence(ctx context.Context, name string, issued token.Provenance) (version string, verdict Decision, err error) {
	held, version, exists, err := v.look(ctx, name)
	if err != nil || !exists {
		return version, Write, err
	}
	verdict = FenceRefresh(held.Provenance, held.tagged, issued)
	if held.tagged || verdict != Superseded {
		return version, verdict, nil
	}
	versions, err := v.secrets.Versions(ctx, name)
	if spent(held.Fingerprint, versions) {
		verdict = Write
	}
	return version, verdict, err
}

// storeAccess makes the entry's access token the current one, unless a newer one
// is, and returns the version that is current now. newer is the version of a
// newer refresh token, which is on top again; empty where there is none.
func (v *Vault) storeAccess(ctx context.Context, n Names, e Entry, run Run) (version, newer string, err error) {
	own := e.Provenance
	own.Fingerprint = e.AccessToken.Fingerprint()
	for range maxRounds {
		held, err := v.access(ctx, n)
		if err != nil {
			return "", "", err
		}
		verdict := FenceAccess(held, e.Provenance, own.Fingerprint, e.ObtainedAt)
		if !held.Tagged || held.Generation > e.Provenance.Generation {
			// It does not vouch for our refresh token: ask all versions. If none
			// is newer, it belongs to a line that is gone.
			version, outranked, err := v.restore(ctx, n.RefreshToken, e.Provenance.Generation)
			if err != nil || outranked {
				return held.Version, version, err
			}
			verdict = Write
		}
		if verdict != Write {
			return held.Version, "", nil
		}
		p, again, err := v.set(ctx, n.AccessToken, e.AccessToken, Properties{
			Tags:    tagsOf(e.Account, own, e.UserID, e.ObtainedAt, run),
			Expires: e.Expiry,
		})
		if err != nil || !again {
			return p.Version, "", err
		}
	}
	return "", "", deletedAgain(n.AccessToken)
}

// set writes a version. A soft-deleted name is recovered instead, and again says
// that the caller must look at what came back before it writes.
func (v *Vault) set(ctx context.Context, name string, value token.Secret, p Properties) (written Properties, again bool, err error) {
	written, err = v.secrets.Set(ctx, name, value, p)
	if errors.Is(err, ErrDeleted) {
		return Properties{}, true, v.secrets.Recover(ctx, name)
	}
	return written, false, err
}

func deletedAgain(name string) error {
	return &Error{Op: "set", Name: name, Kind: ErrUnavailable, Detail: "it is deleted as often as it is recovered", Fix: "find out who deletes it"}
}
