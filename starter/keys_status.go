package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/seal"
)

// keysStatus is what keys status prints as JSON.
type keysStatus struct {
	seal.Report
	// Pending is the key of a rotation that was begun and has not ended.
	Pending seal.KeyID `json:"pending,omitempty"`
	// Uses are absent where Temporal cannot be asked.
	Uses     []keyUse     `json:"uses"`
	Searched searchedRuns `json:"searched,omitzero"`
}

func newKeysStatus(environ map[string]string) *cobra.Command {
	return keysCommand(&cobra.Command{
		Use:   "status",
		Short: "Show the keys, the versions of the keyset, and what was sealed with which key",
		Long: `Shows the keys with their numbers and since when the vault has them, the versions of
the secret, and what needs which key: the runs that are at work, ended runs whose
pair is not in the vault or not known to be, and consents kept on this machine.

Exits with 3 where the current version is no keyset, or has a primary key that
comes from elsewhere: that no other version that is trusted holds.`,
	}, environ, func(ctx context.Context, a keysApp, _ []string) (keysStatus, error) { return a.status(ctx) })
}

func (a keysApp) status(ctx context.Context) (answer keysStatus, err error) {
	if answer.Report, err = a.readKeyset(ctx); err != nil {
		return answer, err
	}
	pending, since, found := answer.Report.Pending()
	if found {
		answer.Pending = pending
	}
	now := time.Now()
	used, searched, usesErr := a.uses()
	answer.Searched = searched
	if answer.Uses = used; used == nil && usesErr == nil {
		answer.Uses = []keyUse{}
	}
	if !a.asJSON {
		a.tables(answer, usesErr == nil, now)
	}
	if usesErr == nil {
		a.say("%s", searched)
	}
	if found {
		a.say("A rotation has added key %d (%s) and has not ended; go on with: %s", pending, when(since, now), command("keys", "rotate"))
	}
	if usesErr != nil {
		return answer, fmt.Errorf("what was sealed with which key is not known: %w", usesErr)
	}
	return answer, troubleOf(answer.Report)
}

func (a keysApp) tables(s keysStatus, knowsUses bool, now time.Time) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	printRow(w, "KEY", "STATUS", "SINCE", "SEALS", "NEEDED BY")
	for _, key := range s.Keys {
		needed := unknown
		if knowsUses {
			needed = countUses(s.Uses, key.ID)
		}
		printRow(w, key.ID, key.Status, when(key.Since, now), seals(key, now), needed)
	}
	_ = w.Flush()
	for _, use := range s.Uses {
		a.say("Key %d: %s", use.Key, use)
	}
	printRow(w, "VERSION", "CREATED", "STATE", "WRITTEN TO", "PRIMARY")
	for _, v := range s.Versions {
		primary := unknown
		if v.Primary != 0 {
			primary = fmt.Sprint(v.Primary)
		}
		printRow(w, v.ID, when(v.Created, now), v.State, written(v), primary)
	}
	_ = w.Flush()
}

func seals(key seal.KeyReport, now time.Time) string {
	switch {
	case key.Primary && key.Promoted.IsZero():
		return "yes"
	case key.Primary:
		return "since " + when(key.Promoted, now)
	case key.Promoted.IsZero():
		return "not yet"
	}
	return "no more"
}

// written says what a version was written for, as its tags do.
func written(v seal.VersionReport) string {
	switch {
	case v.Step == "":
		return "(by hand)"
	case v.Key == 0:
		return string(v.Step)
	}
	return fmt.Sprintf("%s %d", v.Step, v.Key)
}

func countUses(uses []keyUse, key seal.KeyID) string {
	open, lost, files, unclear := 0, 0, 0, 0
	for _, use := range uses {
		switch {
		case use.Key != key:
		case use.File != "":
			files++
		case use.Open:
			open++
		case use.Unknown != "":
			unclear++
		default:
			lost++
		}
	}
	var words []string
	for _, count := range []struct {
		n    int
		what string
	}{{open, "of open runs"}, {lost, "of ended runs"}, {files, "of consents here"}, {unclear, "not known"}} {
		if count.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", count.n, count.what))
		}
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}
