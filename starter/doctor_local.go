package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/consent"
)

// checkConfiguration tells every mistake in the environment and in the providers file.
func (d *doctor) checkConfiguration(_ context.Context, f *findings) {
	problems := map[string]bool{}
	for _, err := range []error{d.configErr, d.vaultErr} {
		var mistakes *config.Error
		if !errors.As(err, &mistakes) {
			continue
		}
		for _, mistake := range mistakes.Problems {
			if variable, _, _ := strings.Cut(mistake, " "); !problems[mistake] {
				problems[mistake] = true
				detail, fix, _ := strings.Cut(mistake, "; ")
				f.add(variable, problem, detail, fix)
			}
		}
	}
	if len(problems) == 0 {
		f.ok("variables", "understood; task queue %s", d.starter.TaskQueue)
	}
	switch file := d.starter.ProvidersFile; {
	case d.providersErr != nil:
		f.add("providers file", problem, d.providersErr.Error(), "correct the file that TOKENKEEPER_PROVIDERS names; every worker must have the same one")
	case file == "":
		f.ok("providers file", "none; %d providers are built in", len(d.providers.Providers()))
	default:
		f.ok("providers file", "%s; %d providers", file, len(d.providers.Providers()))
	}
}

// checkLocal sees that a consent can be kept on this machine, and finds those that are.
func (d *doctor) checkLocal(_ context.Context, f *findings) {
	state, err := consent.StateDir(d.environ)
	if err != nil {
		f.add("state folder", problem, "it is not known: "+err.Error(), "set XDG_STATE_HOME to a folder of its own")
		return
	}
	dir := filepath.Join(state, "consents")
	if d.vaultErr == nil {
		id := sha256.Sum256([]byte(d.starter.Vault.URL))
		dir = filepath.Join(dir, hex.EncodeToString(id[:8]))
	}
	missing := firstMissing(dir)
	err = consent.PendingStore{Dir: dir}.Check()
	for made := dir; missing != "" && len(made) >= len(missing); made = filepath.Dir(made) {
		_ = os.Remove(made) // what was only made for the check; a folder with files in it stays
	}
	if err != nil {
		f.add("state folder", problem, "a consent could not be kept in "+dir+": "+err.Error(), "set XDG_STATE_HOME to a folder that this user can write to")
	} else {
		f.ok("state folder", "%s can be written to", dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sealed.json"))
	if err != nil || len(files) == 0 {
		f.ok("pending consents", "none is kept here")
		return
	}
	for _, file := range files {
		since := ""
		if info, err := os.Stat(file); err == nil {
			since = " since " + when(info.ModTime(), time.Now())
		}
		f.add("pending consents", problem, "a consent that is not in the vault is kept in "+file+since, "store it with: "+resumeOf(file))
	}
}

// firstMissing is the topmost folder of a path that does not exist; empty where all do.
func firstMissing(dir string) (missing string) {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return missing
		}
		missing, dir = dir, filepath.Dir(dir)
	}
}

// resumeOf is the command that stores what a file of a [consent.PendingStore] keeps.
func resumeOf(file string) string {
	words := strings.Split(strings.TrimSuffix(filepath.Base(file), ".sealed.json"), ".")
	switch {
	case len(words) == 2:
		return command("authorize", "--account", words[1], "--provider", words[0])
	case len(words) == 3 && strings.HasPrefix(words[1], "for-"):
		return command("migrate", "--account", words[2], "--provider", strings.TrimPrefix(words[1], "for-"))
	}
	return command("authorize")
}
