package vault

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// renewed returns the properties of a new version that takes p's place: the program's
// tags, and what the owner has set on p, for a policy may ask for it. Beside the tags
// there is room for as many more as reserve says.
func (p Properties) renewed(own map[string]string, reserve int) Properties {
	return Properties{ContentType: p.ContentType, Expires: p.ownersExpiry(p.Created, time.Now()), Tags: fitTags(own, p.Tags, reserve)}
}

// ownersExpiry is the expiry of a new version, as the owner has set it on p: the date, and
// once that has passed, as long after now as it was after the given time. A policy that
// asks for a date to come would refuse the store of a token that is spent by then.
func (p Properties) ownersExpiry(since, now time.Time) time.Time {
	if p.Expires.IsZero() || p.Expires.After(now) {
		return p.Expires
	}
	return p.expiryAgain(since, now)
}

// expiryAgain is p's expiry as long after now as it was after the given time, or the same
// where that is unknown.
func (p Properties) expiryAgain(since, now time.Time) time.Time {
	if since.IsZero() || !p.Expires.After(since) {
		return p.Expires
	}
	return now.Add(p.Expires.Sub(since)).Truncate(time.Second)
}

// nextExpiry is the expiry of a new access token whose answer states none. That of the
// program's own token is not the owner's date, but shows how long one lives.
func (t AccessTokenInfo) nextExpiry(now time.Time) time.Time {
	p := t.properties
	switch {
	case p.Expires.IsZero():
		return time.Time{}
	case t.Tagged && !t.ObtainedAt.IsZero():
		return p.expiryAgain(t.ObtainedAt, now)
	case t.Tagged || t.consent != "":
		return p.expiryAgain(p.Created, now)
	}
	return p.ownersExpiry(p.Created, now)
}

// over returns p for a version that is put on top of current, whose content type and
// expiry it takes where it has none.
func (p Properties) over(current Properties) Properties {
	p.ContentType = cmp.Or(p.ContentType, current.ContentType)
	if p.Expires.IsZero() {
		p.Expires = current.Expires
	}
	return p
}

// ownTags are the tags that this package writes.
var ownTags = []string{
	tagGeneration, tagFingerprint, tagParent, tagConsent, tagProvider, tagAccount, tagUserID, tagWorkflowID, tagRunID,
	tagObtainedAt, tagGrantEnds, tagStartedAt, tagStartedRun, tagEarlierRun, tagFollows, tagPromoted,
}

// spareTags give way to the owner's, the last ones first: a policy may ask for the owner's,
// and refuse the store of an issued token without them. Without the grant's end the owner
// is only reminded later; the others are read by people alone.
var spareTags = []string{tagGrantEnds, tagWorkflowID, tagRunID, tagAccount}

// fitTags adds to the program's tags the owner's among before, as many as Key Vault takes
// beside reserve more. It never refuses: a token is worth more than a tag. Nor does it
// leave two whose names differ in case alone, which a vault may take for one.
func fitTags(own, before map[string]string, reserve int) map[string]string {
	tags := maps.Clone(own)
	for _, spare := range spareTags {
		delete(tags, spare)
	}
	add := func(from map[string]string, names []string) {
		for _, name := range names {
			if value, found := from[name]; found && len(tags)+reserve < maxTags {
				tags[name] = value
			}
		}
	}
	add(before, slices.DeleteFunc(slices.Sorted(maps.Keys(before)), func(name string) bool {
		return slices.ContainsFunc(ownTags, func(own string) bool { return strings.EqualFold(own, name) })
	}))
	add(own, spareTags)
	return tags
}
