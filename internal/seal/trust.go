package seal

import (
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
	// remembered are keys that this process has used and no version that counts holds: to
	// open with, and in nothing that it writes.
	remembered map[KeyID]*aesgcm.Key
	// elsewhere is the newest keyset, where its primary key is not one to trust.
	elsewhere *version
}

// creationTime is how long after the first keyset another creator's may be written, by
// workers that start together on an empty vault.
const creationTime = time.Minute

// evaluate decides which versions are to be believed. A version counts where its primary
// key is one that is known already: only what has read an earlier keyset can have written
// that, and a rotation adds a key before it makes it the primary one. Where this program
// wrote the version, another key of it is as good; see vouchers. What is known is, in
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
	own := map[voucher]bool{}
	for _, next := range v.versions {
		own[voucher{next.ID, id}] = true
	}
	others := view{versions: slices.Clone(v.versions)}
	others.spread(memory, own)
	return slices.ContainsFunc(others.versions[:i], func(newer version) bool { return newer.trusted && newer.keys.byID[id] != nil })
}

// voucher is a key's word for a version.
type voucher struct {
	version string
	key     KeyID
}

// vouchers are the keys of which one has to be known for a version to count: the primary
// one, as who has read no keyset can hold no known key; and where the version shows the step
// of its tag, any that is enabled, as the one that had added the primary key may be disabled
// since. Without such a step it may be a mistake, of who has replaced the primary key at once.
func (v version) vouchers() []KeyID {
	ids := []KeyID{v.keys.primary}
	if v.did != "" && v.did != Created && v.did != Merged {
		for id := range v.keys.byID {
			if id != v.keys.primary {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// trust marks the versions that count. A key that was retired vouches for no version that
// was written later: it may be retired because it has leaked.
func (v *view) trust(memory keys) {
	banned := map[voucher]bool{}
	for again := true; again; {
		v.spread(memory, banned)
		again = false
		for i, next := range v.versions {
			for _, id := range next.vouchers() {
				if by := (voucher{next.ID, id}); next.trusted && !banned[by] && v.retiredBefore(i, id) {
					banned[by], again = true, true
				}
			}
		}
	}
}

// spread marks the versions that known keys vouch for, and those that the keys of these
// vouch for. Their order does not matter but for the oldest one: the vault's times are
// whole seconds.
func (v *view) spread(memory keys, banned map[voucher]bool) {
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
	if len(known) == 0 || slices.ContainsFunc(roots, func(i int) bool { return v.versions[i].vouched(known, nil) }) {
		for _, i := range roots {
			learn(i)
		}
	}
	for again := true; again; {
		again = false
		for i, next := range v.versions {
			if next.usable() && !next.trusted && next.vouched(known, banned) {
				learn(i)
				again = true
			}
		}
	}
}

// retiredBefore reports whether a key of a version had been retired when the version was
// written.
func (v *view) retiredBefore(i int, id KeyID) bool {
	at := v.versions[i]
	for _, next := range v.versions[i+1:] {
		if !next.trusted || next.Key != id || i > 0 && !next.Created.Before(at.Created) {
			continue
		}
		if next.did != Merged {
			return next.did == Disabled || next.did == Destroyed
		}
	}
	return false
}

// roots are the oldest keyset and, after it, where a worker made it, those of other workers
// that started at the same time. Versions that an older revision made have no step.
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
		together := (first.Step == Created || first.Step == "") && next.Step == first.Step && next.Created.Sub(first.Created) <= creationTime
		if i != oldest && next.usable() && together {
			roots = append(roots, i)
		}
	}
	return roots
}

// vouched reports whether a voucher is known and not banned, and no number means another
// key than the known one of that number.
func (v version) vouched(known map[KeyID]*aesgcm.Key, banned map[voucher]bool) bool {
	for id, key := range v.keys.all() {
		if known[id] != nil && !known[id].Equal(key) {
			return false
		}
	}
	return slices.ContainsFunc(v.vouchers(), func(id KeyID) bool { return known[id] != nil && !banned[voucher{v.ID, id}] })
}
