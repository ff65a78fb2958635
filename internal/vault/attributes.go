package vault

import (
	"cmp"
	"maps"
	"slices"
)

// renewed returns the properties of a new version that takes p's place: the program's
// tags, and what the owner has set on p, for a policy may ask for it. Beside the tags
// there is room for as many more as reserve says.
func (p Properties) renewed(own map[string]string, reserve int) Properties {
	return Properties{ContentType: p.ContentType, Expires: p.Expires, Tags: fitTags(own, p.Tags, reserve)}
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
	tagObtainedAt, tagStartedAt, tagStartedRun, tagEarlierRun, tagFollows, tagPromoted,
}

// spareTags are those that are read by people alone. They give way to the owner's.
var spareTags = []string{tagWorkflowID, tagRunID, tagAccount}

// fitTags adds to the program's tags the owner's among before, as many as Key Vault takes
// beside reserve more. It never refuses: a token is worth more than a tag.
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
		return slices.Contains(ownTags, name)
	}))
	add(own, spareTags)
	return tags
}
