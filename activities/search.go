package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/vault"
)

// maxSearched bounds the histories that one recovery reads. Four runs a day make
// this about a month; a pair that was issued but not stored is in the last one
// or two.
const maxSearched = 120

// search looks through the account's earlier runs for pairs that descend from the
// spent refresh token: first those that the intent record names, wherever they
// ran, then all others, the latest first.
type search struct {
	histories Histories
	self      vault.Run
	lost      RecoverInput

	looked map[string]bool // by run id: whether its history is there
	found  []finding
	gone   []string // runs on the intent record that cannot be read
	// mayEnd is until when a call of a run on the intent record may be in flight.
	mayEnd time.Time
}

// finding is a pair that descends from the spent refresh token, and the run that
// holds it.
type finding struct {
	called RefreshResult
	runID  string
}

func (s *search) run(ctx context.Context) error {
	s.looked = map[string]bool{}
	for _, runID := range s.lost.suspects(s.self.RunID) {
		listed, _, err := s.list(ctx, "RunId = "+quote(runID), nil)
		if err != nil {
			return err
		}
		for _, info := range listed {
			if _, err := s.look(ctx, info.GetExecution()); err != nil {
				return err
			}
			s.mayEnd = latest(s.mayEnd, lastSign(info).Add(MaxInFlight))
		}
		if !s.looked[runID] {
			s.gone = append(s.gone, runID)
		}
	}
	for page := []byte(nil); ; {
		listed, next, err := s.list(ctx, queryFor(s.self.WorkflowID, s.lost), page)
		if err != nil {
			return err
		}
		for _, info := range listed {
			execution := info.GetExecution()
			if _, again := s.looked[execution.GetRunId()]; again || execution.GetRunId() == s.self.RunID {
				continue
			}
			if len(s.looked) == maxSearched {
				return nil
			}
			issuer, err := s.look(ctx, execution)
			if err != nil || issuer {
				return err
			}
		}
		if page = next; len(page) == 0 {
			return nil
		}
	}
}

// lastSign is when a run was last able to begin an attempt: when it ended, or now.
func lastSign(info *workflowpb.WorkflowExecutionInfo) time.Time {
	if info.GetCloseTime() == nil {
		return time.Now()
	}
	return info.GetCloseTime().AsTime()
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s *search) list(ctx context.Context, query string, page []byte) (listed []*workflowpb.WorkflowExecutionInfo, next []byte, err error) {
	list, err := s.histories.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowType = 'RefreshTokens' AND (" + query + ")", PageSize: maxSearched, NextPageToken: page,
	})
	return list.GetExecutions(), list.GetNextPageToken(), err
}

// look reads one run's history, if it is still there. It is the issuer where it
// issued the spent token itself: all runs that ended before it are older.
func (s *search) look(ctx context.Context, run *commonpb.WorkflowExecution) (issuer bool, err error) {
	issued, exists, err := issuedBy(ctx, s.histories, run, s.lost.CallActivity)
	if err != nil {
		return false, err
	}
	s.looked[run.GetRunId()] = exists
	for _, called := range issued {
		if descends(called, s.lost) {
			s.found = append(s.found, finding{called, run.GetRunId()})
		} else if called.Account == s.lost.Account && called.Provenance.Fingerprint == s.lost.Provenance.Fingerprint {
			issuer = true
		}
	}
	return issuer, nil
}

// searched counts the histories that were read.
func (s *search) searched() (n int) {
	for _, exists := range s.looked {
		if exists {
			n++
		}
	}
	return n
}

// queryFor is the visibility query for an account's runs: those of its workflow
// IDs and, where the namespace can search for it, those of the same account. A
// Schedule gives every run a workflow ID of its own, so that the first alone
// would miss them.
func queryFor(own string, lost RecoverInput) string {
	ids := lost.WorkflowIDs
	if len(ids) == 0 {
		ids = []string{own}
	}
	var runs []string
	for _, id := range ids {
		runs = append(runs, "WorkflowId = "+quote(id))
	}
	if lost.Searchable {
		runs = append(runs, fmt.Sprintf("(TokenAccount = %s AND TokenProvider = %s)", quote(lost.Account.Name), quote(lost.Account.Provider)))
	}
	return strings.Join(runs, " OR ")
}

// quote makes a string literal of the visibility query language. A server on
// SQL finds no text with a backslash, however it is quoted; doubled, it at least
// cannot end the literal.
func quote(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'" }

func newestFirst(found []finding) []finding {
	slices.SortStableFunc(found, func(a, b finding) int {
		return cmp.Compare(b.called.Provenance.Generation, a.called.Provenance.Generation)
	})
	return found
}
