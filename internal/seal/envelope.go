package seal

import (
	"encoding/binary"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/tink"

	"tokenkeeper/internal/token"
)

// An envelope is Tink's: this byte, the key's number in four (big endian), the
// IV, the ciphertext, the tag.
const (
	tinkPrefix = 0x01
	headSize   = 5
)

// keyOf reads the key's number from an envelope's head. It is not authenticated
// until the envelope opens.
func keyOf(envelope token.Sealed) (id KeyID, ok bool) {
	if len(envelope) < headSize+ivSize+tagSize || envelope[0] != tinkPrefix {
		return 0, false
	}
	return KeyID(binary.BigEndian.Uint32(envelope[1:headSize])), true
}

// primitives are the keys of a keyset made ready for use.
type primitives struct {
	byID    map[KeyID]tink.AEAD
	primary tink.AEAD
	readAt  time.Time
}

func newPrimitives(k keys) (*primitives, error) {
	p := &primitives{byID: map[KeyID]tink.AEAD{}, readAt: time.Now()}
	for id, key := range k.byID {
		aead, err := aesgcm.NewAEAD(key)
		if err != nil {
			return nil, err
		}
		p.byID[id] = aead
	}
	p.primary = p.byID[k.primary]
	return p, nil
}

// has is false for a keyring that has read nothing yet.
func (p *primitives) has(id KeyID) bool { return p != nil && p.byID[id] != nil }
