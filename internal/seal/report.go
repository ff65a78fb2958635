package seal

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Report is what an operator may see of the keyset. It holds no key.
type Report struct {
	Primary  KeyID           `json:"primary"` // seals
	Keys     []KeyReport     `json:"keys"`
	Versions []VersionReport `json:"versions"` // the current one first
	// Elsewhere is a version whose primary key is not one to trust, on top of the others:
	// nothing is sealed, and so nothing spent, until that is mended.
	Elsewhere *VersionReport `json:"elsewhere,omitempty"`
	// Bridge is a version that is disabled and whose tag says that it was about Elsewhere's
	// primary key: enabled, it may show that this is no stranger's.
	Bridge string `json:"bridge,omitempty"`
	// Malformed: the current version is no keyset. An older one is used.
	Malformed bool `json:"malformed,omitempty"`
}

// KeyStatus is what a key is used for.
type KeyStatus string

// A key's states. An untrusted one neither seals nor opens.
const (
	KeyEnabled   KeyStatus = "enabled"
	KeyDisabled  KeyStatus = "disabled"
	KeyUntrusted KeyStatus = "not trusted"
)

// KeyReport describes a key.
type KeyReport struct {
	ID      KeyID     `json:"id"`
	Status  KeyStatus `json:"status"`
	Primary bool      `json:"primary,omitempty"`
	// Since is when the oldest readable version that holds it was written, and Promoted
	// when one first had it as primary; zero where none does.
	Since    time.Time `json:"since,omitzero"`
	Promoted time.Time `json:"promoted,omitzero"`
}

// VersionState is what is made of a version.
type VersionState string

// A version's states.
const (
	VersionTrusted   VersionState = "trusted"
	VersionElsewhere VersionState = "elsewhere" // its primary key is known from no other version
	VersionMalformed VersionState = "malformed"
	VersionDisabled  VersionState = "disabled" // in the vault, and cannot be read
)

// VersionReport describes a version of the secret.
type VersionReport struct {
	ID      string       `json:"version"`
	State   VersionState `json:"state"`
	Created time.Time    `json:"created"`
	Step    Step         `json:"step,omitempty"` // empty for one that this program did not write
	Key     KeyID        `json:"key,omitempty"`  // that the step is about
	Primary KeyID        `json:"primary,omitempty"`
	Keys    []KeyID      `json:"keys,omitempty"`
}

// Inspect reads the keyset and reports on it. Like every reading it renews the keyring's
// copy. Errors wrap [ErrNoKeyset], [ErrCorrupt], or the source's.
func (k *Keyring) Inspect(ctx context.Context) (Report, error) {
	v, err := k.read(ctx)
	if err != nil {
		return Report{}, wrap("look at the keyset", err)
	}
	return v.report(), nil
}

func (v *view) report() Report {
	r := Report{Primary: v.trusted.primary, Malformed: v.versions[0].malformed}
	known := map[KeyID]*KeyReport{}
	for _, next := range slices.Backward(v.versions) {
		r.Versions = append(r.Versions, next.report())
		for id := range next.keys.all() {
			if known[id] == nil {
				known[id] = &KeyReport{ID: id, Status: v.statusOf(id), Since: next.Created}
			}
			if next.trusted && next.keys.primary == id && known[id].Promoted.IsZero() {
				known[id].Promoted = next.Created
			}
		}
	}
	slices.Reverse(r.Versions)
	for _, key := range known {
		key.Primary = key.ID == v.trusted.primary
		r.Keys = append(r.Keys, *key)
	}
	slices.SortFunc(r.Keys, func(a, b KeyReport) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	if v.elsewhere != nil {
		elsewhere := v.elsewhere.report()
		r.Elsewhere, r.Bridge = &elsewhere, v.bridge()
	}
	return r
}

func (v *view) statusOf(id KeyID) KeyStatus {
	switch {
	case v.trusted.byID[id] != nil:
		return KeyEnabled
	case v.stranger(id):
		return KeyUntrusted
	}
	return KeyDisabled // or about to be destroyed
}

func (v version) report() VersionReport {
	r := VersionReport{ID: v.ID, Created: v.Created, Step: v.Step, Key: v.Key, State: VersionElsewhere}
	switch {
	case !v.Enabled:
		r.State = VersionDisabled
		return r
	case v.malformed:
		r.State = VersionMalformed
		return r
	case v.trusted:
		r.State = VersionTrusted
	}
	r.Primary, r.Keys = v.keys.primary, slices.Sorted(maps.Keys(v.keys.all()))
	return r
}

// Pending is the key of a rotation that was begun and not ended, and since when the vault
// has it: the last one that was added, is enabled, and has been primary in no version.
func (r Report) Pending() (id KeyID, since time.Time, found bool) {
	for _, key := range slices.Backward(r.Keys) {
		added := slices.ContainsFunc(r.Versions, func(v VersionReport) bool { return v.Step == Added && v.Key == key.ID && v.State == VersionTrusted })
		if added && key.Status == KeyEnabled && key.Promoted.IsZero() {
			return key.ID, key.Since, true
		}
	}
	return 0, time.Time{}, false
}

// Probe seals and opens a probe with one enabled key, and writes and reads the keyset in
// memory as the vault would hold it. It calls no vault.
func (k *Keyring) Probe(id KeyID) error {
	p := k.cached.Load()
	if !p.has(id) {
		return p.lacks(id)
	}
	probe := Binding{Kind: "probe"}.associatedData()
	sealed, err := p.byID[id].Encrypt([]byte("probe"), probe)
	if err != nil {
		return err
	}
	opened, err := p.byID[id].Decrypt(sealed, probe)
	if err != nil || string(opened) != "probe" {
		return errors.New("what the key seals does not open")
	}
	encoded, err := p.view.trusted.encode()
	if err != nil {
		return err
	}
	defer clear(encoded)
	if again, ok := parse(encoded); !ok || !again.equal(p.view.trusted) {
		return errors.New("the keyset does not come back from its JSON form as it was")
	}
	return nil
}
