package seal

import (
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
)

// Step is what a version of the keyset was written for, as its tag says. A writer that has
// not seen another one's change writes over it; the steps say what the changes were. Only
// those of versions that count are believed, and only where the keys bear them out.
type Step string

// The steps that this program writes; a version put by hand has none.
const (
	Created   Step = "create"
	Merged    Step = "merge" // of the keysets of several creators
	Added     Step = "add"
	Promoted  Step = "promote"
	Disabled  Step = "disable"
	Enabled   Step = "enable"
	Destroyed Step = "destroy"
)

// Version is one version of the secret that holds the keyset.
type Version struct {
	ID      string
	Keyset  []byte // empty where the version is disabled
	Enabled bool
	Created time.Time // by the vault's clock, in whole seconds
	Step    Step
	Key     KeyID // that the step is about; zero for none
}

// version is one version, read.
type version struct {
	Version
	keys      keys
	malformed bool
	trusted   bool
	did       Step // the step, where the keys bear it out; else Merged, which changes nothing
}

// view is what all versions say together.
type view struct {
	versions []version // the current one first, then from new to old
	// trusted are the keys to open with, and the one to seal with.
	trusted keys
	// elsewhere is the newest keyset, where its primary key is not one to trust.
	elsewhere *version
}

// creationTime is how long after the first keyset another creator's may be written, by
// workers that start together on an empty vault.
const creationTime = time.Minute

// evaluate decides which versions are to be believed. A version counts where its primary
// key is one that is known already: only what has read an earlier keyset can have written
// that, and a rotation adds a key before it makes it the primary one. What is known is, in
// a process that has evaluated them before, the keys of then (memory); else the oldest keyset's,
// which is trusted as it is. A key that only a stranger's version holds neither seals nor
// opens.
func evaluate(read []Version, memory keys) (view, error) {
	v := view{}
	for _, r := range read {
		next := version{Version: r}
		if r.Enabled {
			var ok bool
			next.keys, ok = parse(r.Keyset)
			next.malformed = !ok
		}
		v.versions = append(v.versions, next)
	}
	if len(read) == 0 {
		return view{}, ErrNoKeyset
	}
	if !slices.ContainsFunc(v.versions, version.usable) {
		return view{}, ErrCorrupt
	}
	v.checkSteps(memory)
	v.trust(memory)
	v.unite(memory)
	return v, nil
}

func (v version) usable() bool { return v.Enabled && !v.malformed }

// checkSteps decides which steps are believed: those that the keys bear out. A tag alone
// can be written by who knows no key.
func (v *view) checkSteps(memory keys) {
	for i, next := range v.versions {
		v.versions[i].did = next.Step
		if !next.showsStep() || (next.Step == Disabled || next.Step == Destroyed) && v.cameLater(i, memory) {
			v.versions[i].did = Merged
		}
	}
}

// showsStep reports whether a version's own keys are as its step leaves them.
func (v version) showsStep() bool {
	id := v.Key
	switch v.Step {
	case Created, Promoted:
		return v.keys.primary == id
	case Added, Enabled:
		return v.keys.byID[id] != nil
	case Disabled:
		return v.keys.disabled[id] != nil
	case Destroyed:
		return v.keys.all()[id] == nil
	}
	return true
}

// cameLater reports whether the key of a version's step was added after that version: no
// older one holds it, and a newer one has it enabled. That one must count without the key's
// own word: who has a key that was destroyed can write versions that hold it.
func (v *view) cameLater(i int, memory keys) bool {
	id := v.versions[i].Key
	if slices.ContainsFunc(v.versions[i+1:], func(older version) bool { return older.keys.all()[id] != nil }) {
		return false
	}
	own := map[string]bool{}
	for _, next := range v.versions {
		if next.keys.primary == id {
			own[next.ID] = true
		}
	}
	others := view{versions: slices.Clone(v.versions)}
	others.spread(memory, own)
	return slices.ContainsFunc(others.versions[:i], func(newer version) bool { return newer.trusted && newer.keys.byID[id] != nil })
}

// trust marks the versions that count. A key that was retired vouches for no version that
// was written later: it may be retired because it has leaked.
func (v *view) trust(memory keys) {
	banned := map[string]bool{}
	for again := true; again; {
		v.spread(memory, banned)
		again = false
		for i, next := range v.versions {
			if next.trusted && !banned[next.ID] && v.retiredBefore(i) {
				banned[next.ID], again = true, true
			}
		}
	}
}

// spread marks the versions that known keys vouch for, and those that the keys of these
// vouch for. Their order does not matter but for the oldest one: the vault's times are
// whole seconds.
func (v *view) spread(memory keys, banned map[string]bool) {
	known := memory.all()
	learn := func(i int) {
		v.versions[i].trusted = true
		for id, key := range v.versions[i].keys.all() {
			if known[id] == nil {
				known[id] = key
			}
		}
	}
	for i := range v.versions {
		v.versions[i].trusted = false
	}
	roots := v.roots()
	if len(known) == 0 || slices.ContainsFunc(roots, func(i int) bool { return v.versions[i].keys.vouched(known) }) {
		for _, i := range roots {
			learn(i)
		}
	}
	for again := true; again; {
		again = false
		for i, next := range v.versions {
			if next.usable() && !next.trusted && !banned[next.ID] && next.keys.vouched(known) {
				learn(i)
				again = true
			}
		}
	}
}

// retiredBefore reports whether a version's primary key had been retired when the version
// was written.
func (v *view) retiredBefore(i int) bool {
	at := v.versions[i]
	for _, next := range v.versions[i+1:] {
		if !next.trusted || next.Key != at.keys.primary || i > 0 && !next.Created.Before(at.Created) {
			continue
		}
		if next.did != Merged {
			return next.did == Disabled || next.did == Destroyed
		}
	}
	return false
}

// roots are the oldest keyset and, after it, where a worker made it, those of other workers
// that started at the same time.
func (v *view) roots() (roots []int) {
	oldest := -1
	for i, next := range v.versions {
		if next.usable() && (oldest < 0 || !next.Created.After(v.versions[oldest].Created)) {
			oldest = i
		}
	}
	first := v.versions[oldest]
	roots = append(roots, oldest)
	for i, next := range v.versions {
		together := first.Step == Created && next.Step == Created && next.Created.Sub(first.Created) <= creationTime
		if i != oldest && next.usable() && together {
			roots = append(roots, i)
		}
	}
	return roots
}

// vouched reports whether the primary key is a known one, and no number means another
// key than the known one of that number.
func (k keys) vouched(known map[KeyID]*aesgcm.Key) bool {
	for id, key := range k.all() {
		if known[id] != nil && !known[id].Equal(key) {
			return false
		}
	}
	return known[k.primary] != nil
}

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
	for id, key := range memory.byID {
		if v.find(id, keys{}) == nil { // nothing shows that it was retired, and pairs may be sealed with it
			v.trusted.byID[id] = key
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

// changed is the error of a keyset whose primary key is not one to trust; nil otherwise.
func (v *view) changed() error {
	if v.elsewhere == nil {
		return nil
	}
	return fmt.Errorf("version %s of %s has key %d as its primary one: %w", v.elsewhere.ID, SecretName, v.elsewhere.keys.primary, ErrChanged)
}

// stranger reports whether only versions that do not count hold a key.
func (v *view) stranger(id KeyID) bool {
	holds := func(trusted bool) bool {
		return slices.ContainsFunc(v.versions, func(next version) bool { return next.trusted == trusted && next.keys.all()[id] != nil })
	}
	return holds(false) && !holds(true)
}
