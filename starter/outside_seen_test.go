package main

import (
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"

	"tokenkeeper/internal/testenv/secretscan"
)

// sealed wants the one consent that is kept under the state folder to hold no secret,
// and to be readable by its owner only; "! sealed" wants none to be there.
func sealed(ts *testscript.TestScript, none bool, _ []string) {
	var found []string
	root := filepath.Join(ts.Getenv("WORK"), "state", "token-keeper", "consents")
	_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return nil
	})
	if want := map[bool]int{true: 0, false: 1}[none]; len(found) != want {
		ts.Fatalf("%d files are kept, want %d: %v", len(found), want, found)
	}
	for _, path := range found {
		content, err := os.ReadFile(path)
		ts.Check(err)
		info, err := os.Stat(path)
		ts.Check(err)
		if info.Mode().Perm() != 0o600 {
			ts.Fatalf("%s has mode %v", path, info.Mode())
		}
		noSecret(ts, path, content)
	}
}

// inertIn wants what was printed to act on no terminal, and to have no line that only looks
// like one of starter's: "inert FILE...".
func inertIn(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		text := ts.ReadFile(file)
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			ts.Fatalf("%s has %q at byte %d", file, text[i:min(len(text), i+20)], i)
		}
		if strings.Contains(text, "\nWarning: forged") {
			ts.Fatalf("%s has a forged line", file)
		}
	}
}

// noSecretIn wants what was printed, and files, to hold no secret: "no-secret FILE...".
func noSecretIn(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		noSecret(ts, file, []byte(ts.ReadFile(file)))
	}
}

func noSecret(ts *testscript.TestScript, where string, content []byte) {
	for _, secret := range []string{"canary-token-7h3x-", "fake-client-secret"} {
		if how := secretscan.Find(content, secret); len(how) > 0 {
			ts.Fatalf("%s holds a secret %v", where, how)
		}
	}
}
