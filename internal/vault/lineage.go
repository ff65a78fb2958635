package vault

import (
	"cmp"
	"slices"
	"time"

	"tokenkeeper/internal/token"
)

// suspicious reports whether the current refresh token may not be the newest,
// so that all versions must be looked at: it was put there by hand, or the
// access token does not vouch for it. An access token of a later generation
// means that a late writer has put an old refresh token on top; one that is
// absent, disabled or put there by hand says nothing.
func suspicious(current RefreshToken, access AccessTokenInfo) bool {
	return !current.tagged || !access.Tagged || access.Generation > current.Generation
}

// overtaken reports whether the current refresh token is not the one that
// counts: a newer one lies under it, or a person put back a spent one.
func overtaken(current RefreshToken, versions []Properties) bool {
	if !current.tagged {
		return spent(current.Fingerprint, versions)
	}
	ours := newestFirst(versions)
	if len(ours) == 0 {
		return false
	}
	newest, _ := provenanceOf(ours[0].Tags)
	return byRank(versions)(newest, current.Provenance) < 0
}

// laterThan reports whether some version is of a later generation.
func laterThan(g token.Generation, versions []Properties) bool {
	return slices.ContainsFunc(versions, func(v Properties) bool {
		p, tagged := provenanceOf(v.Tags)
		return tagged && p.Generation > g
	})
}

// nextGeneration is the one of a token that a person puts there: the account's
// generations go on over all of its consents, so that everything older stays
// older. The access token counts too, for the refresh tokens before it may have
// been purged. A new account begins with 0.
func nextGeneration(access AccessTokenInfo, versions []Properties) token.Generation {
	var next token.Generation
	if access.Tagged {
		next = access.Generation + 1
	}
	for _, v := range versions {
		if p, tagged := provenanceOf(v.Tags); tagged {
			next = max(next, p.Generation+1)
		}
	}
	return next
}

// newestFirst lists the versions with our tags by rank, and those of one rank by
// when they were created.
func newestFirst(versions []Properties) []Properties {
	ours := slices.DeleteFunc(slices.Clone(versions), func(v Properties) bool {
		_, tagged := provenanceOf(v.Tags)
		return !tagged
	})
	compare := byRank(versions)
	slices.SortFunc(ours, func(a, b Properties) int {
		pa, _ := provenanceOf(a.Tags)
		pb, _ := provenanceOf(b.Tags)
		return cmp.Or(compare(pa, pb), b.Created.Compare(a.Created))
	})
	return ours
}

// byRank orders tokens, the newest first: unspent before spent, then by age.
func byRank(versions []Properties) func(a, b token.Provenance) int {
	spent, age := parents(versions), byAge(versions)
	return func(a, b token.Provenance) int {
		return cmp.Or(one(spent[a.Fingerprint])-one(spent[b.Fingerprint]), age(a, b))
	}
}

// byAge orders tokens by generation, the latest first. Of two, the one that a
// consent gave came later than the one that was in flight at that moment. Two
// consents share a generation where a run had read the first before the second
// was put there, and numbered it afterwards; the vault's clock tells them apart.
func byAge(versions []Properties) func(a, b token.Provenance) int {
	written := firstWritten(versions)
	return func(a, b token.Provenance) int {
		inFlight := one(a.Parent != "") - one(b.Parent != "")
		if order := cmp.Or(cmp.Compare(b.Generation, a.Generation), inFlight); order != 0 || a.Parent != "" {
			return order
		}
		return written[b.Fingerprint].Compare(written[a.Fingerprint])
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// heirs lists the versions that may take a dead token's place, the best first:
// unspent ones that it was spent for or that came after it, then those that a
// person may have put there just when the dead token was being written over them.
func heirs(dead token.Provenance, versions []Properties) []Properties {
	gone, age := parents(versions), byAge(versions)
	ranked := slices.DeleteFunc(newestFirst(versions), func(v Properties) bool {
		p, _ := provenanceOf(v.Tags)
		return gone[p.Fingerprint] || p.Parent != dead.Fingerprint && age(p, dead) >= 0
	})
	return append(ranked, buried(dead, versions)...)
}

// buried lists the enabled versions without our tags that came after the dead
// token's parent, or after the dead token itself where a consent gave it, the
// latest first. Untagged versions from before are what another program rotated
// through, and long spent.
func buried(dead token.Provenance, versions []Properties) []Properties {
	after, known := firstWritten(versions)[cmp.Or(dead.Parent, dead.Fingerprint)]
	if !known {
		return nil
	}
	theirs := slices.DeleteFunc(slices.Clone(versions), func(v Properties) bool {
		_, tagged := provenanceOf(v.Tags)
		return tagged || !v.Enabled || v.Created.Before(after)
	})
	slices.SortFunc(theirs, func(a, b Properties) int { return b.Created.Compare(a.Created) })
	return theirs
}

// firstWritten is when the first version that claims to be a token was created;
// a late writer or a repair may have added more of them since.
func firstWritten(versions []Properties) map[token.Fingerprint]time.Time {
	first := map[token.Fingerprint]time.Time{}
	for _, v := range versions {
		p, tagged := provenanceOf(v.Tags)
		if before, known := first[p.Fingerprint]; tagged && (!known || v.Created.Before(before)) {
			first[p.Fingerprint] = v.Created
		}
	}
	return first
}

// spent reports whether some version says that it was issued for this token.
func spent(f token.Fingerprint, versions []Properties) bool { return parents(versions)[f] }

// parents are the tokens that some version says it was issued for.
func parents(versions []Properties) map[token.Fingerprint]bool {
	spent := map[token.Fingerprint]bool{}
	for _, v := range versions {
		if p, tagged := provenanceOf(v.Tags); tagged && p.Parent != "" {
			spent[p.Parent] = true
		}
	}
	return spent
}
