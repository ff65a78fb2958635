package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// keyUse is something that needs a key to be opened.
type keyUse struct {
	Key        seal.KeyID       `json:"key"`
	WorkflowID string           `json:"workflowId,omitempty"`
	RunID      string           `json:"runId,omitempty"`
	Open       bool             `json:"open,omitempty"`      // the run is at work
	Completed  bool             `json:"completed,omitempty"` // the run stored its pair, and the vault lacks it by now
	Account    string           `json:"account,omitempty"`
	Content    string           `json:"content,omitempty"` // grant or pair
	Generation token.Generation `json:"generation,omitempty"`
	// Unknown is why it is not known whether the vault holds the pair, such as a role that
	// is missing. It may not, so that the key may be needed.
	Unknown string `json:"unknown,omitempty"`
	File    string `json:"file,omitempty"` // of a consent that waits on this machine for the vault
}

func (u keyUse) String() string {
	if u.File != "" {
		return "a consent that waits for the vault, in " + u.File
	}
	run := fmt.Sprintf("workflow %s, run %s: ", plain(u.WorkflowID), u.RunID)
	content := fmt.Sprintf("a %s of generation %d of %s", u.Content, u.Generation, plain(u.Account))
	switch {
	case u.Open:
		return run + "at work, with " + content
	case u.Unknown != "":
		return run + "has ended with " + content + "; it is not known whether the vault holds it: " + plain(u.Unknown)
	case u.Completed:
		return run + "has completed with " + content + ", which the vault lacks, as after the restore of a backup"
	}
	return run + "has ended and not stored " + content
}

// plain quotes what a terminal would take for more than text: a history holds what anyone
// has put there.
func plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// uses finds what needs a key: the open runs' envelopes; the pairs of ended runs that the
// vault lacks, which a recovery would need; and the consents kept on this machine.
func (a keysApp) uses() (all []keyUse, searched searchedRuns, err error) {
	if all, err = a.pendingConsents(); err != nil {
		return nil, searched, err
	}
	err = a.withTemporal(func(ctx context.Context, app *temporalApp) error {
		found, runs, err := app.keyUses(ctx, a.pairLookup())
		all, searched = append(all, found...), runs
		return err
	})
	slices.SortFunc(all, func(a, b keyUse) int {
		return cmp.Or(strings.Compare(a.WorkflowID+a.RunID+a.File, b.WorkflowID+b.RunID+b.File), cmp.Compare(a.Generation, b.Generation))
	})
	return all, searched, err
}

// pendingConsents are those on this machine, for this vault. Other machines' are not seen.
func (a keysApp) pendingConsents() (all []keyUse, err error) {
	files, err := filepath.Glob(filepath.Join(a.PendingStore.Dir, "*.sealed.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var kept struct {
			Sealed token.Sealed `json:"sealed"`
		}
		if json.Unmarshal(content, &kept) != nil {
			continue // damaged: no key opens it
		}
		if id, ok := seal.KeyOf(kept.Sealed); ok {
			all = append(all, keyUse{Key: id, File: file})
		}
	}
	return all, nil
}

// pairLookup finds out whether the vault lacks a pair of a run that has ended. unknown is
// why that is not known, and then it may: an identity may read the keyset and not every
// account. The vault is read once for each account.
type pairLookup func(ctx context.Context, pair activities.Envelope, completed bool) (lacks bool, unknown string)

func (a keysApp) pairLookup() pairLookup {
	type reading struct {
		once sync.Once
		held vault.RefreshToken
		err  error
	}
	var mu sync.Mutex
	readings := map[token.Account]*reading{}
	return func(ctx context.Context, pair activities.Envelope, completed bool) (lacks bool, unknown string) {
		location, err := vault.Locate(a.providers, pair.Account)
		if err != nil {
			return true, err.Error()
		}
		mu.Lock()
		r := readings[pair.Account]
		if r == nil {
			r = &reading{}
			readings[pair.Account] = r
		}
		mu.Unlock()
		r.once.Do(func() { r.held, _, r.err = a.Vault.Load(ctx, location.Names, 0) })
		switch {
		case r.err == nil:
			return pair.IsAhead(r.held), ""
		case errors.Is(r.err, vault.ErrNotFound):
			return true, ""
		case errors.Is(r.err, vault.ErrDisabled), errors.Is(r.err, vault.ErrDeleted), errors.Is(r.err, vault.ErrOtherProvider):
			return !completed, "" // what was stored is there, and was given up: a revocation or a move does that
		}
		return true, r.err.Error()
	}
}
