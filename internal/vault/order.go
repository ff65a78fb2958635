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
	// tookFrom is, for a consent that was promoted, the dead token whose place it took.
	tookFrom map[token.Fingerprint]token.Fingerprint
	dead     map[token.Fingerprint]bool // those tokens
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
	o := order{
		latest: -1, spent: map[token.Fingerprint]bool{}, written: map[token.Fingerprint]time.Time{},
		tookFrom: map[token.Fingerprint]token.Fingerprint{}, dead: map[token.Fingerprint]bool{},
	}
	for _, p := range versions {
		v := listed{Properties: p}
		v.Provenance, v.tagged = provenanceOf(p)
		o.versions = append(o.versions, v)
		if !v.tagged {
			continue
		}
		o.ranked = append(o.ranked, v)
		o.latest = max(o.latest, v.Generation)
		if v.Parent != "" {
			o.spent[v.Parent] = true
		}
		if from := fingerprintOf(p, tagPromoted); from != "" && from != v.Fingerprint {
			o.tookFrom[v.Fingerprint], o.dead[from] = from, true
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
	aFirst, bFirst := o.isFirst(a), o.isFirst(b)
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

// isFirst reports whether a token was given by a consent that outranks what was in flight
// then. One that was promoted does not: it came before.
func (o order) isFirst(p token.Provenance) bool {
	return p.Parent == "" && o.tookFrom[p.Fingerprint] == ""
}

// isDone reports whether a token is spent, or dead by what took its place.
func (o order) isDone(f token.Fingerprint) bool { return o.spent[f] || o.dead[f] }

// outranks reports whether token a is to be spent rather than b: the one that is not done
// with, then the newer one.
func (o order) outranks(a, b token.Provenance) bool {
	if o.isDone(a.Fingerprint) != o.isDone(b.Fingerprint) {
		return o.isDone(b.Fingerprint)
	}
	return o.newer(a, b)
}

// byValue lists the ranked versions in the order in which they are to be read. Beside each
// token's latest version, which has its intent record, its first one is likely to have the
// value that the tags describe: other tools copy them to new values.
func (o order) byValue() []listed {
	var all []listed
	for from := 0; from < len(o.ranked); {
		to := from + 1
		for to < len(o.ranked) && o.ranked[to].Fingerprint == o.ranked[from].Fingerprint {
			to++
		}
		group := o.ranked[from:to]
		all = append(all, group[0])
		if last := len(group) - 1; last > 0 {
			all = append(append(all, group[last]), group[1:last]...)
		}
		from = to
	}
	return all
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

// candidate is a version that may take a dead token's place.
type candidate struct {
	listed
	// number is what a consent that was written over gets; zero for any other version,
	// which keeps its own.
	number token.Generation
	hidden bool
}

// candidates lists the versions that may succeed a dead token, the best first:
// unspent ones that it was spent for or that came after it, then hiddenConsents. Where
// the dead token is such a consent itself, it is the token whose place it took that counts.
func (o order) candidates(dead token.Provenance) []candidate {
	place := o.place(dead)
	taken := map[string]bool{}
	var all []candidate
	for _, v := range o.ranked {
		if v.Fingerprint != dead.Fingerprint && !o.isDone(v.Fingerprint) && (v.Parent == place.Fingerprint || o.newer(v.Provenance, place)) {
			all = append(all, candidate{listed: v})
			taken[v.Version] = true
		}
	}
	return append(all, slices.DeleteFunc(o.hiddenConsents(dead, place), func(c candidate) bool { return taken[c.Version] })...)
}

// place is the token whose place a dead one took, or the dead one.
func (o order) place(dead token.Provenance) token.Provenance {
	for range maxReads { // bounds a circle, which only tags by hand can make
		i := slices.IndexFunc(o.ranked, func(v listed) bool { return v.Fingerprint == o.tookFrom[dead.Fingerprint] })
		if i < 0 {
			break
		}
		dead = o.ranked[i].Provenance
	}
	return dead
}

// hiddenConsents lists the consents that a store may have written over, the latest first:
// enabled versions that state no provenance, or that of a consent that was never spent.
// How many refreshes, consents and promotions came since does not count. Versions from
// before the first one of this program's are left out, for another program rotated through
// them, and so are consents that are known to be dead.
//
// One that came after the place's parent outranks what is in flight there, as any new
// consent does, and gets the next generation. An older one gets the place's own: the pair
// of a refresh that made the token look dead, and is stored later, must outrank it.
func (o order) hiddenConsents(dead, place token.Provenance) []candidate {
	var first time.Time
	for _, v := range o.ranked {
		if first.IsZero() || v.Created.Before(first) {
			first = v.Created
		}
	}
	since := o.written[cmp.Or(place.Parent, place.Fingerprint)] // zero where the vault never had it
	var hidden []candidate
	for _, v := range o.versions {
		unspent := v.Fingerprint == v.Consent && v.Fingerprint != dead.Fingerprint && v.Fingerprint != place.Consent && !o.isDone(v.Fingerprint)
		if v.tagged && !unspent || !v.Enabled || v.Created.Before(first) {
			continue
		}
		c := candidate{v, place.Generation, true}
		if !v.Created.Before(since) {
			c.number++
		}
		hidden = append(hidden, c)
	}
	slices.SortStableFunc(hidden, func(a, b candidate) int { return b.Created.Compare(a.Created) })
	return hidden
}

// covered lists the consents that a proof of the given token covers and nothing else does:
// enabled versions without a provenance that were created after the version that it lies
// on, and after all of other tokens with one. The latest is first.
func (o order) covered(proven token.Fingerprint, over string) []listed {
	below := slices.IndexFunc(o.versions, func(v listed) bool { return v.Version == over })
	if below < 0 {
		return nil
	}
	after := o.versions[below].Created
	for _, v := range o.ranked {
		if v.Fingerprint != proven && v.Created.After(after) {
			after = v.Created
		}
	}
	put := slices.DeleteFunc(slices.Clone(o.versions), func(v listed) bool {
		return v.tagged || !v.Enabled || !v.Created.After(after)
	})
	slices.SortFunc(put, func(a, b listed) int { return b.Created.Compare(a.Created) })
	return put
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
