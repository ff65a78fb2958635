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

// keys is one keyset: its enabled keys, of which primary is the one to seal with.
type keys struct {
	byID    map[KeyID]*aesgcm.Key
	primary KeyID
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
	k.byID = map[KeyID]*aesgcm.Key{}
	for i := range h.Len() {
		entry, err := h.Entry(i)
		if err != nil {
			return keys{}, false
		}
		if entry.KeyStatus() != keyset.Enabled {
			continue
		}
		key, ok := entry.Key().(*aesgcm.Key)
		if !ok || !supported(key) {
			return keys{}, false
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

// parseAll reads all versions in their order and leaves out the corrupt ones. It
// fails with ErrNoKeyset or ErrCorrupt when nothing remains.
func parseAll(versions [][]byte) ([]keys, error) {
	if len(versions) == 0 {
		return nil, ErrNoKeyset
	}
	var usable []keys
	for _, v := range versions {
		if k, ok := parse(v); ok {
			usable = append(usable, k)
		}
	}
	if len(usable) == 0 {
		return nil, ErrCorrupt
	}
	return usable, nil
}

// encode returns Tink's JSON form, in the clear: for the vault alone. The keys are
// ordered by number, so that equal keysets encode alike.
func (k keys) encode() ([]byte, error) {
	m := keyset.NewManager()
	for _, id := range slices.Sorted(maps.Keys(k.byID)) {
		if _, err := m.AddKey(k.byID[id]); err != nil {
			return nil, fmt.Errorf("seal: put key %d into %s: %w", id, SecretName, err)
		}
	}
	if err := m.SetPrimary(uint32(k.primary)); err != nil {
		return nil, fmt.Errorf("seal: make key %d primary in %s: %w", k.primary, SecretName, err)
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
