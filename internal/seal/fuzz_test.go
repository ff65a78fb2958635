package seal_test

import (
	"errors"
	"testing"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// FuzzOpen feeds arbitrary bytes as an envelope, and as a version of the keyset
// beside a good one. Whatever they are: nothing panics, what was sealed before
// still opens, and no other envelope does.
func FuzzOpen(f *testing.F) {
	vault := &memory{}
	ring := seal.New(vault)
	if _, err := ring.Create(f.Context()); err != nil {
		f.Fatal(err)
	}
	sealed, err := ring.Seal(f.Context(), will, []byte(secret))
	if err != nil {
		f.Fatal(err)
	}
	keyset := vault.versions[0]
	f.Add([]byte(sealed), keyset)
	f.Add([]byte(sealed[:20]), []byte(`{"primaryKeyId":1}`))
	f.Add([]byte{1, 0, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, envelope, version []byte) {
		ring := seal.New(&memory{versions: [][]byte{keyset, version}})
		if got, err := ring.Open(t.Context(), will, sealed); err != nil || string(got) != secret {
			t.Fatalf("the good envelope no longer opens: %v", err)
		}
		_, err := ring.Open(t.Context(), will, token.Sealed(envelope))
		switch {
		case err == nil && string(envelope) != string(sealed):
			t.Fatal("an envelope opened that nobody sealed")
		case err != nil && !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrUnknownKey):
			t.Fatalf("unexpected kind of error: %v", err)
		}
	})
}
