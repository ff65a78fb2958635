package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// maxSearched bounds the histories that one recovery reads: about a month of four
// runs a day. A pair that was issued but not stored is in the last one or two.
const maxSearched = 120

// search reads the account's earlier runs for descendants of the spent refresh
// token: first the runs on the intent record, of any workflow, then all others, the
// latest first.
type search struct {
	histories Histories
	self      vault.Run
	lost      RecoverInput
	query     string // of the account's runs

	read     map[string]bool // by run id: whether its history exists
	searched int             // the histories that exist
	found    []finding
	gone     []string  // runs on the intent record that cannot be read
	callers  []Caller  // the other ones
	mayEnd   time.Time // until when a call of a closed one may be in flight
}

// finding is a descendant of the spent refresh token in the history of a run.
type finding struct {
	issued RefreshResult
	runID  string
}

func (s *search) run(ctx context.Context) error {
	seen := map[string]bool{s.self.RunID: true}
	for _, intent := range slices.Backward(s.lost.MayHaveSpent) {
		if seen[intent.RunID] {
			continue
		}
		seen[intent.RunID] = true
		if err := s.readIntentRun(ctx, intent.RunID); err != nil {
			return err
		}
	}
	slices.Reverse(s.callers)
	for page := []byte(nil); ; {
		listed, next, err := listRuns(ctx, s.histories, s.query, page)
		if err != nil {
			return err
		}
		for _, info := range listed {
			execution := info.GetExecution()
			if _, again := s.read[execution.GetRunId()]; again || execution.GetRunId() == s.self.RunID {
				continue
			}
			if len(s.read) == maxSearched {
				return nil
			}
			_, issuer, err := s.readRun(ctx, execution)
			if err != nil || issuer {
				return err
			}
		}
		if page = next; len(page) == 0 {
			return nil
		}
	}
}

// readIntentRun reads a run on the intent record.
func (s *search) readIntentRun(ctx context.Context, runID string) error {
	listed, _, err := listRuns(ctx, s.histories, "RunId = "+quote(runID), nil)
	if err != nil {
		return err
	}
	for _, info := range listed {
		h, _, err := s.readRun(ctx, info.GetExecution())
		if err != nil {
			return err
		}
		if h.closed.IsZero() && !isRunning(info) {
			h.closed = info.GetCloseTime().AsTime() // closed since its history was read
		}
		if s.read[runID] {
			s.callers = append(s.callers, Caller{RunID: runID, State: h.state(s.lost.CallActivity), Knows: h.knows(s.self.RunID)})
		}
		if end := h.inFlightUntil(); end.After(s.mayEnd) {
			s.mayEnd = end
		}
	}
	if !s.read[runID] {
		s.gone = append(s.gone, runID)
	}
	return nil
}

// isRunning reports whether a run is listed as running. A listing is a moment behind,
// which a history is not.
func isRunning(info *workflowpb.WorkflowExecutionInfo) bool { return info.GetCloseTime() == nil }

// inFlightUntil is until when a call of a closed run may be in flight; zero where it
// made none. Its worker learns of the run's end only when the call is over.
func (h history) inFlightUntil() time.Time {
	if h.closed.IsZero() || len(h.calls) == 0 {
		return time.Time{}
	}
	return h.closed.Add(MaxInFlight)
}

// readRun reads one run's history, if it still exists. The run is the issuer where
// it was issued the spent token itself: all runs that ended before it are older.
func (s *search) readRun(ctx context.Context, run *commonpb.WorkflowExecution) (h history, issuer bool, err error) {
	h, exists, err := readHistory(ctx, s.histories, run, wholeHistory, s.lost.CallActivity)
	if err != nil {
		return history{}, false, err
	}
	if exists && !s.read[run.GetRunId()] {
		s.searched++
	}
	s.read[run.GetRunId()] = exists
	for _, issued := range h.issued {
		if Descends(issued, s.lost.LoadResult) {
			s.found = append(s.found, finding{issued, run.GetRunId()})
		} else if issued.Account == s.lost.Account && issued.Provenance.Fingerprint == s.lost.Provenance.Fingerprint {
			issuer = true
		}
	}
	return h, issuer, nil
}

// Descends reports whether an issued pair comes after the lost token: it continues its
// line, or the line of a consent that was given later, as where the vault was restored
// from a backup that is older than that consent. Times that are unknown prove nothing.
func Descends(issued RefreshResult, lost LoadResult) bool {
	spent := lost.Provenance
	if issued.Account != lost.Account || !issued.Rotated || issued.ForOtherUser(lost) {
		return false
	}
	later := issued.Provenance.Generation > spent.Generation
	return issued.Provenance.Parent == spent.Fingerprint ||
		later && issued.Provenance.Consent == spent.Consent ||
		later && !lost.ObtainedAt.IsZero() && issued.ObtainedAt.After(lost.ObtainedAt)
}

// queryFor is the visibility query for an account's runs: by workflow IDs, the asking run's
// where none is given, and, where the namespace has them, by the search attributes. A
// Schedule gives every run another workflow ID, so that the IDs alone would miss its runs; a
// run that was ended before it had set its attributes has spent nothing.
func (a *Activities) queryFor(account token.Account, own string, ids []string) string {
	if len(ids) == 0 {
		ids = []string{own}
	}
	var runs []string
	for _, id := range ids {
		runs = append(runs, "WorkflowId = "+quote(id))
	}
	if a.Attributes.Searchable {
		runs = append(runs, fmt.Sprintf("(TokenAccount = %s AND TokenProvider = %s)", quote(account.Name), quote(account.Provider)))
	}
	return strings.Join(runs, " OR ")
}

// quote makes a string literal of the visibility query language. A server on
// SQL finds no text with a backslash, however it is quoted; doubled, it at least
// cannot end the literal.
func quote(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'" }
