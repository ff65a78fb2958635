package seal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
)

// unite collects the keys of the versions that count. Steps say which of them are disabled
// or destroyed, and which one seals, so that a writer that had not seen the change does not
// take it back.
func (v *view) unite(memory keys) {
	v.trusted = keys{byID: map[KeyID]*aesgcm.Key{}, disabled: map[KeyID]*aesgcm.Key{}}
	add := func(k keys) {
		for id, key := range k.all() {
			switch v.lastStep(id, k) {
			case Destroyed:
			case Disabled:
				v.trusted.disabled[id] = key
			default:
				v.trusted.byID[id] = key
			}
		}
	}
	counted := false
	for i, next := range v.versions {
		switch {
		case next.trusted:
			counted = true
			add(next.keys)
		case next.usable() && !counted && v.elsewhere == nil:
			v.elsewhere = &v.versions[i]
		}
	}
	if v.elsewhere != nil {
		add(memory) // the vault may have lost what this process still needs
	}
	v.remembered = map[KeyID]*aesgcm.Key{}
	for id, key := range memory.byID {
		if v.find(id, keys{}) == nil { // nothing shows that it was retired, and pairs may be sealed with it
			v.remembered[id] = key
		}
	}
	v.trusted.primary = v.sealing(memory)
	if id := v.trusted.primary; v.trusted.byID[id] == nil { // the tags call all keys retired
		delete(v.trusted.disabled, id)
		v.trusted.byID[id] = v.find(id, memory)
	}
}

// lastStep is what was done last with a key that a keyset holds: the steps say it and,
// where there was none, the newest keyset that has the key.
func (v *view) lastStep(id KeyID, in keys) Step {
	content := Step("")
	for _, next := range v.versions {
		if !next.trusted {
			continue
		}
		if next.Key == id && next.did != Merged && next.did != "" {
			return next.did
		}
		if content == "" && next.keys.disabled[id] != nil {
			content = Disabled
		} else if content == "" && next.keys.byID[id] != nil {
			content = Enabled
		}
	}
	if content == "" && in.disabled[id] != nil {
		return Disabled
	}
	return content
}

// sealing is the primary key: that of the newest version that was written to change it, or
// by another program; else the newest version's. A retired key seals nothing, unless there
// is no other.
func (v *view) sealing(memory keys) KeyID {
	changes := func(next version) bool { return next.did == Promoted || next.Step == "" }
	usable := func(next version) bool { return v.trusted.byID[next.keys.primary] != nil }
	for _, wanted := range []func(version) bool{
		func(next version) bool { return changes(next) && usable(next) },
		usable,
		func(version) bool { return true },
	} {
		for _, next := range v.versions {
			if next.trusted && wanted(next) {
				return next.keys.primary
			}
		}
	}
	return memory.primary
}

// find is a trusted key, whatever the tags call it.
func (v *view) find(id KeyID, memory keys) *aesgcm.Key {
	for _, next := range v.versions {
		if key := next.keys.all()[id]; next.trusted && key != nil {
			return key
		}
	}
	return memory.all()[id]
}

// opening are the keys to open with.
func (v *view) opening() keys {
	all := v.trusted.clone()
	maps.Copy(all.byID, v.remembered)
	return all
}

// changed is the error of a keyset whose primary key is not one to trust; nil otherwise.
func (v *view) changed() error {
	if v.elsewhere == nil {
		return nil
	}
	hint := ""
	if id := v.bridge(); id != "" {
		hint = fmt.Sprintf(" (version %s is disabled, and may show that it is yours: enable it again)", id)
	}
	return fmt.Errorf("version %s of %s has key %d as its primary one%s: %w", v.elsewhere.ID, SecretName, v.elsewhere.keys.primary, hint, ErrChanged)
}

// bridge is the oldest disabled version whose tag is about the primary key of a keyset
// that is not believed: where it was disabled by hand, that is why. Empty where none is.
func (v *view) bridge() string {
	for _, next := range slices.Backward(v.versions) {
		if v.elsewhere != nil && !next.Enabled && next.Key == v.elsewhere.keys.primary {
			return next.ID
		}
	}
	return ""
}

// bridged refuses to write over a keyset that may be a legitimate one: that would have
// every worker disbelieve its keys for good.
func (v *view) bridged() error {
	id := v.bridge()
	if id == "" {
		return nil
	}
	return fmt.Errorf("nothing was changed: version %s of %s has key %d as its primary one, and version %s, which may show that this is yours, is disabled; enable version %s again, or disable version %s if it is a stranger's",
		v.elsewhere.ID, SecretName, v.elsewhere.keys.primary, id, id, v.elsewhere.ID)
}

// stranger reports whether only versions that do not count hold a key.
func (v *view) stranger(id KeyID) bool {
	holds := func(trusted bool) bool {
		return slices.ContainsFunc(v.versions, func(next version) bool { return next.trusted == trusted && next.keys.all()[id] != nil })
	}
	return holds(false) && !holds(true)
}
