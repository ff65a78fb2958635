package seal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/subtle/random"
)

// generate makes a keyset of one fresh key.
func generate() (keys, error) {
	k, id, err := keys{}.withFreshKey()
	k.primary = id
	return k, err
}

// union has the keys of all versions, of which the first is the current one:
// its primary is the union's, and its key counts where two have one number.
func union(versions []keys) keys {
	all := keys{byID: map[KeyID]*aesgcm.Key{}, primary: versions[0].primary}
	for _, v := range slices.Backward(versions) {
		maps.Copy(all.byID, v.byID)
	}
	return all
}

// merge is the union with a primary on which workers agree that never heard of
// each other: whatever order they see the versions in, they merge them alike.
func merge(versions []keys) keys {
	all := union(versions)
	for _, v := range versions {
		all.primary = min(all.primary, v.primary)
	}
	return all
}

// withFreshKey adds a new key and leaves the primary alone, so that nobody
// seals with a key that others may not have heard of yet.
func (k keys) withFreshKey() (keys, KeyID, error) {
	id := KeyID(random.GetRandomUint32())
	for k.byID[id] != nil {
		id = KeyID(random.GetRandomUint32())
	}
	key, err := freshKey(id)
	if err != nil {
		return keys{}, 0, fmt.Errorf("seal: make a key for %s: %w", SecretName, err)
	}
	more := keys{byID: map[KeyID]*aesgcm.Key{id: key}, primary: k.primary}
	maps.Copy(more.byID, k.byID)
	return more, id, nil
}

// promoted makes one of the keys the primary.
func (k keys) promoted(id KeyID) (keys, error) {
	if k.byID[id] == nil {
		return keys{}, fmt.Errorf("seal: promote key %d: %w", id, ErrUnknownKey)
	}
	return keys{byID: k.byID, primary: id}, nil
}

// covers reports whether k has every key of other.
func (k keys) covers(other keys) bool {
	for id := range other.byID {
		if k.byID[id] == nil {
			return false
		}
	}
	return true
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
