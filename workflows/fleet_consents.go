package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
)

const (
	// consentsWithin is how far ahead the next end of a consent is looked for.
	consentsWithin = 400 * 24 * time.Hour
	// consentsOf bounds the runs whose consents are believed: each account runs within
	// it, also where its runs fail, and a run says when the consent ends.
	consentsOf = 8 * 24 * time.Hour
	// consentCalls bounds the requests of one search. One that needs more returns the
	// earliest end that was not ruled out.
	consentCalls = 60
	// latestRuns of an account are read for what it knows: one that waits for its time
	// knows nothing yet.
	latestRuns = 10
)

// consents finds the next end of a consent. Each run has the end that it knew, so that
// runs before a new consent still have the earlier one: of an account, the newest run
// that knows an end is right.
func (r *fleetReader) consents(ctx context.Context, f *Fleet) error {
	s := &consentSearch{fleetReader: r, ends: map[string]time.Time{}}
	next, err := s.earliest(ctx, r.now, r.now.Add(consentsWithin))
	var unknown *serviceerror.InvalidArgument
	if errors.As(err, &unknown) && strings.Contains(err.Error(), TokenConsentEnds.GetName()) {
		return nil // the namespace does not have the attribute
	}
	f.NextConsent = next
	return err
}

// consentSearch halves a span of time until few runs' consents end in it, the earlier
// half first.
type consentSearch struct {
	*fleetReader
	calls int
	ends  map[string]time.Time // by the query for the account's runs, as the newest one says
}

// earliest returns the first end in a span, and zero for none.
func (s *consentSearch) earliest(ctx context.Context, from, to time.Time) (time.Time, error) {
	n, err := s.count(ctx, s.endingIn(from, to))
	if err != nil || n == 0 {
		return time.Time{}, err
	}
	if s.calls++; s.calls > consentCalls {
		return from, nil
	}
	if n > fleetPage && to.Sub(from) > time.Minute {
		middle := from.Add(to.Sub(from) / 2)
		if next, err := s.earliest(ctx, from, middle); err != nil || !next.IsZero() {
			return next, err
		}
		return s.earliest(ctx, middle, to)
	}
	return s.verified(ctx, from, to)
}

// verified lists the ends in a span, and returns the first one that its account's newest
// run says as well.
func (s *consentSearch) verified(ctx context.Context, from, to time.Time) (time.Time, error) {
	runs, err := s.list(ctx, s.endingIn(from, to), fleetPage)
	if err != nil {
		return time.Time{}, err
	}
	slices.SortStableFunc(runs, func(a, b *workflowpb.WorkflowExecutionInfo) int { return consentOf(a).Compare(consentOf(b)) })
	for _, run := range runs {
		claimed := consentOf(run)
		newest, err := s.newest(ctx, run, claimed)
		if err != nil || !claimed.IsZero() && newest.Equal(claimed) {
			return newest, err
		}
	}
	return time.Time{}, nil
}

// newest is the end that the newest run of the run's account knows; zero where the account
// is not refreshed any more, and what is claimed where the search has made too many requests.
func (s *consentSearch) newest(ctx context.Context, run *workflowpb.WorkflowExecutionInfo, claimed time.Time) (time.Time, error) {
	// Each run of a Schedule has a workflow id of its own.
	var schedule string
	decodeAttribute(run, "TemporalScheduledById", &schedule)
	query := "WorkflowId = " + quoted(run.GetExecution().GetWorkflowId())
	if schedule != "" {
		query = "TemporalScheduledById = " + quoted(schedule)
	}
	if end, known := s.ends[query]; known {
		return end, nil
	}
	if s.calls++; s.calls > consentCalls {
		return claimed, nil
	}
	runs, err := s.list(ctx, query, latestRuns)
	if err != nil {
		return time.Time{}, err
	}
	alive := s.scheduleIDs[schedule]
	var end time.Time
	for _, run := range runs {
		alive = alive || run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
		if end = consentOf(run); !end.IsZero() {
			break
		}
	}
	if !alive {
		end = time.Time{}
	}
	s.ends[query] = end
	return end, nil
}

// consentOf is when the consent ends as a run knows it; zero where it does not.
func consentOf(run *workflowpb.WorkflowExecutionInfo) (end time.Time) {
	decodeAttribute(run, TokenConsentEnds.GetName(), &end)
	return end
}

func (s *consentSearch) endingIn(from, to time.Time) string {
	return s.runs(fmt.Sprintf("%s >= %s AND %s < %s AND StartTime > %s", TokenConsentEnds.GetName(), timestamp(from), TokenConsentEnds.GetName(), timestamp(to), timestamp(s.now.Add(-consentsOf))))
}
