package seal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
)

// KeyID is Tink's number of a key in a keyset. It is no secret.
type KeyID uint32

// keys is one keyset: its enabled keys, of which primary is the one to seal with, and
// its disabled ones, which are kept and not used.
type keys struct {
	byID     map[KeyID]*aesgcm.Key
	disabled map[KeyID]*aesgcm.Key
	primary  KeyID
}

// Sizes in bytes; those of the IV and the tag are RFC 5116's.
const (
	aes256  = 32
	ivSize  = 12
	tagSize = 16
)

// parse reads one version. It drops the parser's own error, which may quote key
// material.
func parse(version []byte) (k keys, ok bool) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(version)))
	if err != nil {
		return keys{}, false
	}
	k.byID, k.disabled = map[KeyID]*aesgcm.Key{}, map[KeyID]*aesgcm.Key{}
	for i := range h.Len() {
		entry, err := h.Entry(i)
		if err != nil {
			return keys{}, false
		}
		if entry.KeyStatus() == keyset.Destroyed {
			continue
		}
		key, ok := entry.Key().(*aesgcm.Key)
		switch {
		case !ok || !supported(key):
			return keys{}, false
		case entry.KeyStatus() == keyset.Disabled:
			k.disabled[KeyID(entry.KeyID())] = key
			continue
		}
		k.byID[KeyID(entry.KeyID())] = key
		if entry.IsPrimary() {
			k.primary = KeyID(entry.KeyID())
		}
	}
	return k, true
}

// supported reports whether a key is of the kind that this package makes. Tink's own
// variant matters: it writes the key's number into the head of each envelope.
func supported(key *aesgcm.Key) bool {
	params, ok := key.Parameters().(*aesgcm.Parameters)
	return ok && params.KeySizeInBytes() == aes256 && params.Variant() == aesgcm.VariantTink
}

// encode returns Tink's JSON form, in the clear: for the vault alone. The keys are
// ordered by number, so that equal keysets encode alike.
func (k keys) encode() ([]byte, error) {
	m := keyset.NewManager()
	all := k.all()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if _, err := m.AddKey(all[id]); err != nil {
			return nil, fmt.Errorf("seal: put key %d into %s: %w", id, SecretName, err)
		}
	}
	if err := m.SetPrimary(uint32(k.primary)); err != nil {
		return nil, fmt.Errorf("seal: make key %d primary in %s: %w", k.primary, SecretName, err)
	}
	for id := range k.disabled {
		if err := m.Disable(uint32(id)); err != nil {
			return nil, fmt.Errorf("seal: disable key %d in %s: %w", id, SecretName, err)
		}
	}
	h, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("seal: make %s: %w", SecretName, err)
	}
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("seal: encode %s: %w", SecretName, err)
	}
	return b.Bytes(), nil
}

// all are the enabled keys and the disabled ones.
func (k keys) all() map[KeyID]*aesgcm.Key {
	all := maps.Clone(k.disabled)
	if all == nil {
		all = map[KeyID]*aesgcm.Key{}
	}
	maps.Copy(all, k.byID)
	return all
}

// clone shares no map with k.
func (k keys) clone() keys {
	return keys{byID: maps.Clone(k.byID), disabled: maps.Clone(k.disabled), primary: k.primary}
}

// equal reports whether both seal and open alike.
func (k keys) equal(other keys) bool {
	same := func(a, b *aesgcm.Key) bool { return a.Equal(b) }
	return k.primary == other.primary && maps.EqualFunc(k.byID, other.byID, same) && maps.EqualFunc(k.disabled, other.disabled, same)
}

func freshKey(id KeyID) (*aesgcm.Key, error) {
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: aes256,
		IVSizeInBytes:  ivSize,
		TagSizeInBytes: tagSize,
		Variant:        aesgcm.VariantTink,
	})
	if err != nil {
		return nil, err
	}
	material, err := secretdata.NewBytesFromRand(aes256)
	if err != nil {
		return nil, err
	}
	return aesgcm.NewKey(material, uint32(id), params)
}
