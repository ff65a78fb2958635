package main

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestAnImportReplacesWhatIsUsableAndIsNotItself(t *testing.T) {
	const imported, parent, other = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"
	for _, tc := range []struct {
		name     string
		current  token.Provenance
		replaces bool
	}{
		{"the vault holds none that is usable", token.Provenance{}, false},
		{"it is the one in force", token.Provenance{Fingerprint: imported, Consent: other, Parent: parent, Generation: 3}, false},
		{"the one in force descends from it", token.Provenance{Fingerprint: other, Consent: imported, Parent: parent, Generation: 3}, false},
		{"another consent's generation is in force", token.Provenance{Fingerprint: other, Consent: parent, Parent: parent, Generation: 3}, true},
		{"another token is there that no run has numbered", token.Provenance{Fingerprint: other, Consent: other}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.replaces, replaces(imported, consent.Existing{RefreshToken: vault.RefreshToken{Provenance: tc.current}}))
		})
	}
	require.True(t, replaces(imported, consent.Existing{OtherProvider: vault.ErrOtherProvider}))
}

// same wants the current version of a secret to be a file's content: "same FILE SECRET".
func same(ts *testscript.TestScript, _ bool, args []string) {
	versions := outsideOf(ts).vault.Versions(args[1])
	if len(versions) == 0 || versions[len(versions)-1].Value != strings.TrimSpace(ts.ReadFile(args[0])) {
		ts.Fatalf("%s does not hold what %s does", args[1], args[0])
	}
}
