package seal

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/tink"

	"tokenkeeper/internal/token"
)

// Binding names an envelope's content and all that decides where it goes. The same
// binding opens it: an envelope that was moved to another account, or whose tokens are
// said to be others, does not open.
type Binding struct {
	// Kind names the content's shape, such as "pair".
	Kind    string
	Account token.Account
	// Provenance of the content's refresh token; zero where it has none.
	Provenance token.Provenance
	// Names are the secrets in the vault that the content goes to, or came from.
	Names []string
}

// String reads as in "pair of fitbit/will, generation 3", for messages.
func (b Binding) String() string {
	return fmt.Sprintf("%s of %s, generation %d", b.Kind, b.Account, b.Provenance.Generation)
}

// bindingVersion tells this encoding from any other one.
const bindingVersion = "tokenkeeper/binding/2"

// associatedData encodes the binding so that no two bindings look the same: every
// string is preceded by its length, and the names, whose number varies, come last.
func (b Binding) associatedData() []byte {
	p := b.Provenance
	var data []byte
	for _, s := range append([]string{
		bindingVersion, b.Kind, b.Account.Provider, b.Account.Name, b.Account.SecretsOf,
		strconv.Itoa(int(p.Generation)), string(p.Fingerprint), string(p.Parent), string(p.Consent),
	}, b.Names...) {
		data = binary.BigEndian.AppendUint32(data, uint32(len(s)))
		data = append(data, s...)
	}
	return data
}

// An envelope is Tink's: this byte, the key's number in four (big endian), the
// IV, the ciphertext, the tag.
const (
	tinkPrefix = 0x01
	headSize   = 5
)

// KeyOf reads the key's number from an envelope's head. It is not authenticated
// until the envelope opens.
func KeyOf(envelope token.Sealed) (id KeyID, ok bool) {
	if len(envelope) < headSize+ivSize+tagSize || envelope[0] != tinkPrefix {
		return 0, false
	}
	return KeyID(binary.BigEndian.Uint32(envelope[1:headSize])), true
}

// primitives are the keys of a keyset made ready for use.
type primitives struct {
	byID    map[KeyID]tink.AEAD
	primary tink.AEAD
	view    view
	readAt  time.Time
}

func newPrimitives(v view) (*primitives, error) {
	p := &primitives{byID: map[KeyID]tink.AEAD{}, view: v, readAt: time.Now()}
	for id, key := range v.opening().byID {
		aead, err := aesgcm.NewAEAD(key)
		if err != nil {
			return nil, err
		}
		p.byID[id] = aead
	}
	p.primary = p.byID[v.trusted.primary]
	return p, nil
}

// has is false for a keyring that has read nothing yet.
func (p *primitives) has(id KeyID) bool { return p != nil && p.byID[id] != nil }

// lacks is why a key cannot be used.
func (p *primitives) lacks(id KeyID) error {
	switch {
	case p == nil:
		return ErrUnknownKey
	case p.view.trusted.disabled[id] != nil:
		return fmt.Errorf("%w; the key is retired, and comes back with: starter keys retire %d --undo", ErrUnknownKey, id)
	case p.view.stranger(id):
		return ErrChanged
	}
	return ErrUnknownKey
}
