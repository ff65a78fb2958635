package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// keyUse is something that needs a key to be opened.
type keyUse struct {
	Key        seal.KeyID       `json:"key"`
	WorkflowID string           `json:"workflowId,omitempty"`
	RunID      string           `json:"runId,omitempty"`
	Open       bool             `json:"open,omitempty"` // the run is at work
	Account    string           `json:"account,omitempty"`
	Content    string           `json:"content,omitempty"` // grant or pair
	Generation token.Generation `json:"generation,omitempty"`
	File       string           `json:"file,omitempty"` // of a consent that waits on this machine for the vault
}

func (u keyUse) String() string {
	switch {
	case u.File != "":
		return "a consent that waits for the vault, in " + u.File
	case u.Open:
		return fmt.Sprintf("workflow %s, run %s: at work, with a %s of generation %d of %s", plain(u.WorkflowID), u.RunID, u.Content, u.Generation, plain(u.Account))
	}
	return fmt.Sprintf("workflow %s, run %s: has ended and not stored a pair of generation %d of %s", plain(u.WorkflowID), u.RunID, u.Generation, plain(u.Account))
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
func (a keysApp) uses() (all []keyUse, err error) {
	if all, err = a.pendingConsents(); err != nil {
		return nil, err
	}
	err = a.withTemporal(func(ctx context.Context, app *temporalApp) error {
		found, err := app.keyUses(ctx, a.isAhead())
		all = append(all, found...)
		return err
	})
	slices.SortFunc(all, func(a, b keyUse) int {
		return strings.Compare(a.WorkflowID+a.RunID+a.File, b.WorkflowID+b.RunID+b.File)
	})
	return all, err
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

// isAhead reports whether an envelope's pair is missing in the vault. Where that cannot be
// known, it may be. The vault is read once for each account.
func (a keysApp) isAhead() func(context.Context, activities.Envelope) bool {
	type reading struct {
		once sync.Once
		held vault.RefreshToken
		err  error
	}
	var mu sync.Mutex
	readings := map[token.Account]*reading{}
	return func(ctx context.Context, e activities.Envelope) bool {
		location, err := vault.Locate(a.providers, e.Account)
		if err != nil {
			return true
		}
		mu.Lock()
		r := readings[e.Account]
		if r == nil {
			r = &reading{}
			readings[e.Account] = r
		}
		mu.Unlock()
		r.once.Do(func() { r.held, _, r.err = a.Vault.Load(ctx, location.Names, 0) })
		return r.err != nil || e.IsAhead(r.held)
	}
}

// keyUses reads the histories of all runs that are open, or have ended in another way
// than by completing: who completes has stored.
func (app *temporalApp) keyUses(ctx context.Context, isAhead func(context.Context, activities.Envelope) bool) (all []keyUse, err error) {
	runs, err := app.listRuns(ctx, "ExecutionStatus != 'Completed'", 0)
	if err != nil {
		return nil, err
	}
	if len(runs) > perPage {
		app.say("Reading the histories of %s runs.", grouped(len(runs)))
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for _, run := range runs {
		group.Go(func() error {
			events, err := app.wholeHistory(ctx, run)
			if err != nil {
				return err
			}
			open := run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
			for _, e := range activities.Envelopes(events) {
				if open || e.Kind == "pair" && isAhead(ctx, e) {
					mu.Lock()
					all = append(all, keyUse{Key: e.Key, WorkflowID: run.GetExecution().GetWorkflowId(), RunID: run.GetExecution().GetRunId(), Open: open,
						Account: e.Account.String(), Content: e.Kind, Generation: e.Generation})
					mu.Unlock()
				}
			}
			return nil
		})
	}
	return all, group.Wait()
}

// listRuns lists runs by a condition, those that run first and then the latest ones; at
// most so many, or all for zero.
func (app *temporalApp) listRuns(ctx context.Context, condition string, most int) (all []*workflowpb.WorkflowExecutionInfo, err error) {
	query := "WorkflowType = '" + workflows.Type + "' AND " + condition
	for page := []byte(nil); ; {
		list, err := app.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: perPage, NextPageToken: page})
		if err != nil {
			return nil, err
		}
		all = append(all, list.GetExecutions()...)
		if page = list.GetNextPageToken(); len(page) == 0 || most > 0 && len(all) >= most {
			break
		}
	}
	if most > 0 && len(all) > most {
		all = all[:most]
	}
	return all, nil
}

// wholeHistory is empty for a run whose retention has ended since it was listed.
func (app *temporalApp) wholeHistory(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (events []*historypb.HistoryEvent, err error) {
	iterator := app.temporal.GetWorkflowHistory(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		event, err := iterator.Next()
		if gone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}
