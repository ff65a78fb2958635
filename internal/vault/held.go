package vault

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// Held is a refresh token as the vault holds it.
type Held struct {
	token.Provenance
	Value      token.Secret
	Version    string
	UserID     string    // the provider's name for the person; empty when unknown
	ObtainedAt time.Time // zero when unknown
	// StartedBy is the run that last was about to spend this token; empty for none.
	StartedBy string

	tagged bool
	tags   map[string]string
}

// heldFrom reads a version. A version whose fingerprint tag does not fit its
// value counts as untagged: somebody put a new value beside old tags.
func heldFrom(s Secret) Held {
	value := token.NewSecret(strings.TrimSpace(s.Value.Reveal()))
	h := Held{Value: value, Version: s.Version, StartedBy: s.Tags[tagStartedRun], tags: s.Tags}
	p, ok := provenanceOf(s.Tags)
	if ok && p.Fingerprint == value.Fingerprint() {
		h.Provenance, h.tagged = p, true
		h.UserID = s.Tags[tagUserID]
		h.ObtainedAt = obtainedAt(s.Tags)
		return h
	}
	h.Provenance = token.Provenance{Fingerprint: value.Fingerprint(), Consent: value.Fingerprint()}
	return h
}

// AccessHeld is what the vault's access token says of itself.
type AccessHeld struct {
	Generation  token.Generation
	Fingerprint token.Fingerprint
	ObtainedAt  time.Time
	Expires     time.Time
	Version     string

	tagged bool
}

func accessFrom(p Properties) AccessHeld {
	provenance, ok := provenanceOf(p.Tags)
	return AccessHeld{
		Generation:  provenance.Generation,
		Fingerprint: provenance.Fingerprint,
		ObtainedAt:  obtainedAt(p.Tags),
		Expires:     p.Expires,
		Version:     p.Version,
		tagged:      ok,
	}
}

// suspicious reports whether the current refresh token may not be the newest,
// so that all versions must be looked at: it was put there by hand, or the
// access token is of a later generation, which means that a late writer has put
// an old refresh token on top.
func suspicious(current Held, access AccessHeld) bool {
	return !current.tagged || (access.tagged && access.Generation > current.Generation)
}

// settle says which refresh token counts, given the current version and the
// properties of all. The answer is current itself, with its generation set, or
// the version to read instead.
func settle(current Held, versions []Properties) (Held, string) {
	newest, known := newestOf(versions)
	if !known {
		return current, ""
	}
	p, _ := provenanceOf(newest.Tags)
	overwritten := current.tagged && p.Generation > current.Generation
	putBack := !current.tagged && spent(current.Fingerprint, versions)
	if overwritten || putBack {
		return Held{}, newest.Version
	}
	if current.tagged {
		return current, ""
	}
	// A person's new consent: the account's generations go on from here, so
	// that everything older stays older.
	current.Generation = p.Generation + 1
	return current, ""
}

// newestOf finds the enabled version of the highest generation; of two, the
// one that was created later.
func newestOf(versions []Properties) (newest Properties, ok bool) {
	ours := slices.DeleteFunc(slices.Clone(versions), func(p Properties) bool {
		_, tagged := provenanceOf(p.Tags)
		return !tagged || !p.Enabled
	})
	if len(ours) == 0 {
		return Properties{}, false
	}
	return slices.MaxFunc(ours, func(a, b Properties) int {
		pa, _ := provenanceOf(a.Tags)
		pb, _ := provenanceOf(b.Tags)
		return cmp.Or(cmp.Compare(pa.Generation, pb.Generation), a.Created.Compare(b.Created))
	}), true
}

// known reports whether some version's tags name this token as its own.
func known(f token.Fingerprint, versions []Properties) bool {
	return slices.ContainsFunc(versions, func(p Properties) bool {
		provenance, ok := provenanceOf(p.Tags)
		return ok && provenance.Fingerprint == f
	})
}

// spent reports whether some version says that it was issued for this token.
func spent(f token.Fingerprint, versions []Properties) bool {
	return slices.ContainsFunc(versions, func(p Properties) bool {
		provenance, ok := provenanceOf(p.Tags)
		return ok && provenance.Parent == f
	})
}

// buried lists the enabled versions without our tags that came after the dead
// token's parent, the latest first: a consent put there by hand, just when the
// token that turned out dead was being written over it. Untagged versions from
// before are what another program rotated through, and long spent.
func buried(versions []Properties, dead token.Provenance) []Properties {
	parent := slices.IndexFunc(versions, func(p Properties) bool {
		provenance, ok := provenanceOf(p.Tags)
		return ok && provenance.Fingerprint == dead.Parent
	})
	if parent < 0 {
		return nil
	}
	after := versions[parent].Created
	theirs := slices.DeleteFunc(slices.Clone(versions), func(p Properties) bool {
		_, tagged := provenanceOf(p.Tags)
		return tagged || !p.Enabled || p.Created.Before(after)
	})
	slices.SortFunc(theirs, func(a, b Properties) int { return b.Created.Compare(a.Created) })
	return theirs
}
