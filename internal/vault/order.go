package vault

import (
	"cmp"
	"slices"
	"time"

	"tokenkeeper/internal/token"
)

// order is an index of one name's versions, built once from a listing. It goes by the
// tags; the vault's clock, which counts whole seconds, decides where they cannot.
type order struct {
	versions []listed
	ranked   []listed                   // those with a provenance, the newest first
	latest   token.Generation           // the highest; -1 where there is none
	spent    map[token.Fingerprint]bool // tokens that some version was issued for
	// written is when a token's first version was created; a late writer or a promotion
	// may have added more.
	written map[token.Fingerprint]time.Time
}

// listed is a version of a listing with the provenance that its tags state.
type listed struct {
	Properties
	token.Provenance
	tagged bool // the tags state one
}

func newOrder(versions []Properties) order {
	o := order{latest: -1, spent: map[token.Fingerprint]bool{}, written: map[token.Fingerprint]time.Time{}}
	for _, p := range versions {
		v := listed{Properties: p}
		v.Provenance, v.tagged = provenanceOf(p.Tags)
		o.versions = append(o.versions, v)
		if !v.tagged {
			continue
		}
		o.ranked = append(o.ranked, v)
		o.latest = max(o.latest, v.Generation)
		if v.Parent != "" {
			o.spent[v.Parent] = true
		}
		if first, seen := o.written[v.Fingerprint]; !seen || v.Created.Before(first) {
			o.written[v.Fingerprint] = v.Created
		}
	}
	slices.SortFunc(o.ranked, func(a, b listed) int {
		switch {
		case o.outranks(a.Provenance, b.Provenance):
			return -1
		case o.outranks(b.Provenance, a.Provenance):
			return 1
		}
		return b.Created.Compare(a.Created)
	})
	return o
}

// newer reports whether token a came after token b. Two consents share a generation
// where a run read the first before the second was written, and numbered it afterwards;
// the vault's clock tells them apart.
func (o order) newer(a, b token.Provenance) bool {
	aFirst, bFirst := a.Parent == "", b.Parent == "" // given by a consent
	switch {
	case a.Generation != b.Generation:
		return a.Generation > b.Generation
	case aFirst != bFirst:
		return aFirst // b was in flight when the consent was given
	case aFirst:
		return o.written[a.Fingerprint].After(o.written[b.Fingerprint])
	default:
		return false
	}
}

// outranks reports whether token a is to be spent rather than b: the unspent one, then
// the newer one.
func (o order) outranks(a, b token.Provenance) bool {
	if o.spent[a.Fingerprint] != o.spent[b.Fingerprint] {
		return o.spent[b.Fingerprint]
	}
	return o.newer(a, b)
}

// isStale reports whether the current token is not the one to spend: a newer one lies
// under it, or it is a spent one that was written again by hand.
func (o order) isStale(current RefreshToken) bool {
	if !current.tagged {
		return o.spent[current.Fingerprint]
	}
	return len(o.ranked) > 0 && o.outranks(o.ranked[0].Provenance, current.Provenance)
}

// nextGeneration numbers a new consent: an account's generations go on over all of its
// consents. The access token counts too, for the refresh tokens before it may have been
// purged. A new account begins with 0.
func (o order) nextGeneration(access AccessTokenInfo) token.Generation {
	latest := o.latest
	if access.Tagged {
		latest = max(latest, access.Generation)
	}
	return latest + 1
}

// candidates lists the versions that may succeed a dead token, the best first:
// unspent ones that it was spent for or that came after it, then hiddenVersions.
func (o order) candidates(dead token.Provenance) []listed {
	later := slices.DeleteFunc(slices.Clone(o.ranked), func(v listed) bool {
		return o.spent[v.Fingerprint] || v.Parent != dead.Fingerprint && !o.newer(v.Provenance, dead)
	})
	return append(later, o.hiddenVersions(dead)...)
}

// hiddenVersions lists the enabled versions without a provenance that came after the
// dead token's parent, or after the dead token itself where a consent gave it, the latest
// first. A consent that a late store wrote over is among them. Earlier ones are what
// another program rotated through, and long spent.
func (o order) hiddenVersions(dead token.Provenance) []listed {
	after, known := o.written[cmp.Or(dead.Parent, dead.Fingerprint)]
	if !known {
		return nil
	}
	hidden := slices.DeleteFunc(slices.Clone(o.versions), func(v listed) bool {
		return v.tagged || !v.Enabled || v.Created.Before(after)
	})
	slices.SortFunc(hidden, func(a, b listed) int { return b.Created.Compare(a.Created) })
	return hidden
}

// maySucceed reports whether a candidate, read in full, can take a dead token's place.
// An untagged copy of a token that has a generation cannot.
func (o order) maySucceed(t RefreshToken, dead token.Provenance) bool {
	_, hasFingerprint := o.written[t.Fingerprint]
	return t.Fingerprint != dead.Fingerprint && !o.spent[t.Fingerprint] && (t.tagged || !hasFingerprint)
}

// earlier returns the versions that came before a consent's token: those not later than
// its first version, or all and false where it has none. A version without a provenance
// from the same second is not among them: on top of the consent it came after it.
func (o order) earlier(f token.Fingerprint) (versions map[string]bool, written bool) {
	var first time.Time
	for _, v := range o.versions {
		if v.Tags[tagFingerprint] == string(f) && (first.IsZero() || v.Created.Before(first)) {
			first = v.Created
		}
	}
	versions = map[string]bool{}
	for _, v := range o.versions {
		if first.IsZero() || v.Created.Before(first) || v.tagged && v.Created.Equal(first) {
			versions[v.Version] = true
		}
	}
	return versions, !first.IsZero()
}

// descendsFrom reports whether a token is one of the given versions or of the lineage
// of one.
func (o order) descendsFrom(t RefreshToken, versions map[string]bool) bool {
	return slices.ContainsFunc(o.versions, func(v listed) bool {
		return versions[v.Version] && (v.Version == t.Version || v.tagged && t.tagged && v.Consent == t.Consent)
	})
}

// lastDisabled is the disabled version that was created last, and within a second the
// one of the latest generation.
func (o order) lastDisabled() (v listed, found bool) {
	disabled := slices.DeleteFunc(slices.Clone(o.versions), func(v listed) bool { return v.Enabled })
	if len(disabled) == 0 {
		return listed{}, false
	}
	return slices.MaxFunc(disabled, func(a, b listed) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Generation, b.Generation))
	}), true
}
