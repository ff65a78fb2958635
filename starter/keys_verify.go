package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/vault"
)

// keysVerify is what keys verify prints as JSON.
type keysVerify struct {
	Keys     int      `json:"keys"`     // that seal and open
	Versions int      `json:"versions"` // that can be read
	Runs     int      `json:"runs"`     // whose envelopes open
	Problems []string `json:"problems"`
	// Searched is where runs were looked for.
	Searched searchedRuns `json:"searched,omitzero"`
}

const (
	// verifyRuns is how many of the latest runs verify looks at, and verifyOpened how many
	// of them it opens envelopes of.
	verifyRuns, verifyOpened = 50, 5
)

func newKeysVerify(environ map[string]string) *cobra.Command {
	return keysCommand(&cobra.Command{
		Use:   "verify",
		Short: "Prove that the keyset is whole and opens what the workers have sealed",
		Long: `Reads every version of the keyset; seals and opens a probe with every key; writes and
reads the keyset in memory as the vault would hold it; and opens what the latest
runs have sealed. It changes nothing and shows nothing of what it opens. Exits
with 3 where something is wrong.`,
	}, environ, func(ctx context.Context, a keysApp, _ []string) (keysVerify, error) { return a.verify(ctx) })
}

func (a keysApp) verify(ctx context.Context) (keysVerify, error) {
	answer := keysVerify{Problems: []string{}}
	problem := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		answer.Problems = append(answer.Problems, text)
		a.say("Wrong: %s", text)
	}
	report, err := a.readKeyset(ctx)
	if err != nil {
		return answer, err
	}
	if err := troubleOf(report); err != nil {
		problem("%v", err)
	}
	for i, v := range report.Versions {
		switch {
		case v.State == seal.VersionTrusted:
			answer.Versions++
		case v.State == seal.VersionMalformed && i > 0:
			problem("version %s (%s) is no keyset; disable it with: %s", v.ID, written(v), disableVersion(v.ID))
		case v.State == seal.VersionElsewhere && (report.Elsewhere == nil || report.Elsewhere.ID != v.ID):
			a.say("Version %s (%s) comes from elsewhere and counts for nothing.", v.ID, written(v))
		}
	}
	for _, key := range report.Keys {
		if key.Status != seal.KeyEnabled {
			continue
		}
		if err := a.Keyring.Probe(key.ID); err != nil {
			problem("key %d: %v", key.ID, err)
			continue
		}
		answer.Keys++
	}
	a.say("Keys that seal and open: %d. Versions of %s that are believed: %d.", answer.Keys, seal.SecretName, answer.Versions)
	if err := a.withTemporal(func(ctx context.Context, app *temporalApp) (err error) {
		answer.Runs, answer.Searched, err = a.openRuns(ctx, app, report, problem)
		return err
	}); err != nil {
		return answer, err
	}
	a.say("%s", answer.Searched)
	a.say("Runs whose envelopes open: %d.", answer.Runs)
	if len(answer.Problems) > 0 {
		return answer, needsAttention{fmt.Sprintf("the keyset is not well: %d problems", len(answer.Problems))}
	}
	return answer, nil
}

// openRuns opens the envelopes of the latest runs, and counts those runs. What was sealed
// with a key that was retired since is no problem in a run that has ended.
func (a keysApp) openRuns(ctx context.Context, app *temporalApp, report seal.Report, problem func(string, ...any)) (opened int, searched searchedRuns, err error) {
	enabled := map[seal.KeyID]bool{}
	for _, key := range report.Keys {
		enabled[key.ID] = key.Status == seal.KeyEnabled
	}
	runs, err := app.listRuns(ctx, "ExecutionStatus IS NOT NULL", verifyRuns)
	if err != nil {
		return 0, searched, err
	}
	searched = app.searched(len(runs))
	for _, run := range runs {
		if opened == verifyOpened {
			break
		}
		events, err := app.wholeHistory(ctx, run)
		if err != nil {
			return opened, searched, err
		}
		any, well := false, true
		for _, e := range activities.Envelopes(events) {
			location, err := vault.Locate(a.providers, e.Account)
			if err != nil || !enabled[e.Key] && run.GetCloseTime() != nil {
				continue
			}
			any = true
			if err := e.Check(ctx, a.Keyring, location.Names); err != nil {
				well = false
				problem("run %s of workflow %s: %v", run.GetExecution().GetRunId(), plain(run.GetExecution().GetWorkflowId()), err)
			}
		}
		if any && well {
			opened++
		}
	}
	return opened, searched, nil
}
