// Package seal encrypts the secrets that leave an activity, so that a
// workflow's history never holds one in the clear.
//
// A [Keyring] seals with AES-256-GCM under keysets in Tink's JSON form, which
// live in the vault as versions of the secret [SecretName]. An envelope opens
// only under the [Binding] it was sealed for.
//
// Key Vault has neither create-only nor compare-and-swap, and never deletes a
// single version. The keyring turns this to use: it opens with the union of the
// keys of every version and seals only with a key that a version holds. So
// whatever any worker ever sealed stays openable, no matter who overwrote whose
// keyset, as long as nobody disables the versions.
package seal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"tokenkeeper/internal/token"
)

// SecretName is the name of the secret in the vault that holds the keyset.
const SecretName = "TokenKeeperKeyset"

// Why sealing or opening fails. ErrNoKeyset, ErrCorrupt and ErrUnknownKey come
// from the state of the vault and heal when it is mended; ErrTampered is final.
var (
	ErrNoKeyset   = errors.New("the vault has no " + SecretName + "; start a worker, which makes one, or recover the secret if it was deleted")
	ErrCorrupt    = errors.New("no version of " + SecretName + " is a keyset of AES-256-GCM keys in Tink's JSON form; enable an intact older version, or set its value again")
	ErrUnknownKey = errors.New("no enabled version of " + SecretName + " holds this key; enable all of its versions, or recover the secret if it was deleted")
	ErrTampered   = errors.New("the envelope does not open with its key from " + SecretName + ": it was altered, cut short, or sealed for another account, provider or generation; take it from the run that made it")
)

// Source is where the keysets are kept: the versions of one secret.
type Source interface {
	// Keysets returns the value of every enabled version, the current one first
	// and the others from new to old; none when the secret was never written.
	Keysets(ctx context.Context) ([][]byte, error)
	// Put writes a version, which becomes the current one.
	Put(ctx context.Context, keyset []byte) error
}

// Binding says what an envelope holds and whose it is. The same binding must be
// given to open it: an envelope that was moved to another account, or to
// another generation of the same one, does not open.
type Binding struct {
	// Kind names the content's shape, such as "pair".
	Kind       string
	Account    token.Account
	Generation token.Generation
}

// String reads as in "pair of fitbit/will, generation 3", for messages.
func (b Binding) String() string {
	return fmt.Sprintf("%s of %s, generation %d", b.Kind, b.Account, b.Generation)
}

// bindingVersion tells this encoding from any later one.
const bindingVersion = "tokenkeeper/binding/1"

// associatedData encodes the binding so that no two bindings look the same:
// every string is preceded by its length.
func (b Binding) associatedData() []byte {
	var data []byte
	for _, s := range []string{bindingVersion, b.Kind, b.Account.Provider, b.Account.Name} {
		data = binary.BigEndian.AppendUint32(data, uint32(len(s)))
		data = append(data, s...)
	}
	return binary.BigEndian.AppendUint64(data, uint64(b.Generation))
}
