package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/incident"
)

// uncounted is a client that cannot count.
type uncounted struct{ client.Client }

func (uncounted) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return nil, errors.New("away")
}

func (uncounted) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return nil, errors.New("away")
}

// gauge keeps the last value of each cause.
type gauge map[string]int

func (g gauge) Stalled(_ context.Context, cause string, runs int) { g[cause] = runs }

func TestAnIncidentIsLoggedOnceRemindedAndEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		shown := gauge{}
		told := &reported{}
		m := &stallMonitor{temporal: uncounted{}, namespace: "default", metrics: shown, log: slog.New(slog.NewTextHandler(&out, nil)), open: map[stall]stalledRuns{}, incident: newFleetIncident(told, incident.RunsStandStill, nil)}
		lines := func() (errorLines, healed int) {
			errorLines, healed = strings.Count(out.String(), "level=ERROR"), strings.Count(out.String(), "no run stands still any more")
			out.Reset()
			return errorLines, healed
		}
		seen := func(stalls ...stall) {
			found := map[stall]stalledRuns{}
			for _, s := range stalls {
				found[s] = stalledRuns{example: &commonpb.WorkflowExecution{WorkflowId: "refresh-1"}, runs: 2}
			}
			m.report(t.Context(), found, sample{all: true})
			m.measure(t.Context())
		}
		requireLines := func(wantErrors, wantHealed int, when string) {
			t.Helper()
			errorLines, healed := lines()
			require.Equal(t, []int{wantErrors, wantHealed}, []int{errorLines, healed}, when)
		}
		attribute := stall{cause: badSearchAttribute}
		gone := func(build string) stall {
			return stall{cause: noWorker, version: config.Deployment{Name: "keeper", BuildID: build}, by: pinned}
		}

		seen()
		requireLines(0, 0, "nothing stands still")
		require.Equal(t, []string{"RunsStandStill healed"}, told.take())
		require.Equal(t, gauge{"search_attribute": 0, "non_determinism": 0, "workflow_task_failed": 0, "workflow_task_timed_out": 0, "no_worker": 0, "backlog": 0}, shown)
		seen(attribute)
		requireLines(1, 0, "the first check that finds it")
		time.Sleep(time.Minute)
		seen(attribute, gone("v1"), gone("v2"))
		requireLines(2, 0, "two others begin")
		require.Equal(t, 4, shown["no_worker"])
		time.Sleep(remindEvery - time.Minute)
		seen(attribute, gone("v1"), gone("v2"))
		requireLines(1, 0, "the first one is reminded")
		seen(gone("v2"))
		requireLines(0, 2, "two are over")
		require.Equal(t, 0, shown["search_attribute"])
		seen(gone("v2"), attribute)
		requireLines(1, 0, "one is back")
		require.NotContains(t, told.take(), "RunsStandStill healed", "one cause goes on")
		seen()
		require.Equal(t, []string{"RunsStandStill healed"}, told.take())
	})
}

func TestAnIncidentIsOverWhereAllRunsWereExaminedOrItWasNotFoundSeveralTimes(t *testing.T) {
	var out bytes.Buffer
	shown := gauge{}
	attribute := stall{cause: badSearchAttribute}
	m := &stallMonitor{temporal: uncounted{}, namespace: "default", metrics: shown, log: slog.New(slog.NewTextHandler(&out, nil)), open: map[stall]stalledRuns{}, incident: &fleetIncident{incidents: &reported{}}}
	over := func() bool { return strings.Contains(out.String(), "no run stands still any more") }
	check := func(all, found bool) {
		out.Reset()
		stalls := map[stall]stalledRuns{}
		if found {
			stalls[attribute] = stalledRuns{example: &commonpb.WorkflowExecution{WorkflowId: "refresh-1"}, runs: 2}
		}
		m.report(t.Context(), stalls, sample{all: all})
		m.measure(t.Context())
	}
	check(false, true)
	require.Contains(t, out.String(), "level=ERROR")
	for range overAfter - 1 {
		check(false, false)
		require.Empty(t, out.String(), "others may stand still")
		require.Equal(t, 2, shown["search_attribute"])
	}
	check(false, true)
	require.Empty(t, out.String(), "it goes on")
	for range overAfter - 1 {
		check(false, false)
		require.False(t, over(), "the count begins anew")
	}
	check(false, false)
	require.True(t, over())
	require.Zero(t, shown["search_attribute"])
	check(false, true)
	check(true, false)
	require.True(t, over(), "no run is left that was not examined")
}

// pages is a client with the pages of a listing and of a history.
type pages struct {
	client.Client
	runs [][]string // run ids
	history
}

func (p *pages) WorkflowService() workflowservice.WorkflowServiceClient { return &p.history }

// history is one that is read from its end.
type history struct {
	workflowservice.WorkflowServiceClient
	events [][]enumspb.EventType
	read   int // pages
}

func (p *pages) ListWorkflow(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	out := &workflowservice.ListWorkflowExecutionsResponse{}
	if len(p.runs) == 0 {
		return out, nil
	}
	i, next := page(in.GetNextPageToken(), len(p.runs))
	for _, id := range p.runs[i] {
		out.Executions = append(out.Executions, &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{RunId: id}})
	}
	out.NextPageToken = next
	return out, nil
}

func (p *history) GetWorkflowExecutionHistoryReverse(_ context.Context, in *workflowservice.GetWorkflowExecutionHistoryReverseRequest, _ ...grpc.CallOption) (*workflowservice.GetWorkflowExecutionHistoryReverseResponse, error) {
	p.read++
	i, next := page(in.GetNextPageToken(), len(p.events))
	found := &historypb.History{}
	for _, kind := range p.events[i] {
		found.Events = append(found.Events, &historypb.HistoryEvent{EventType: kind})
	}
	return &workflowservice.GetWorkflowExecutionHistoryReverseResponse{History: found, NextPageToken: next}, nil
}

// page is the place that a token stands for, and the token of the next one.
func page(given []byte, of int) (i int, next []byte) {
	if len(given) > 0 {
		i = int(given[0])
	}
	if i+1 < of {
		next = []byte{byte(i + 1)}
	}
	return i, next
}

func TestTheRunsOfAllPagesHaveATurn(t *testing.T) {
	many := make([]string, stallSample+1)
	for i := range many {
		many[i] = fmt.Sprint("run-", i)
	}
	for _, c := range []struct {
		name    string
		runs    [][]string
		example string
		want    []sample // the run ids come below
		ids     [][]string
	}{
		{"no run", nil, "", []sample{{all: true}, {all: true}}, [][]string{nil, nil}},
		{"one page", [][]string{{"a", "b"}}, "", []sample{{all: true}, {all: true}}, [][]string{{"a", "b"}, {"a", "b"}}},
		{"an example among them", [][]string{{"a", "b"}}, "b", []sample{{all: true}}, [][]string{{"a", "b"}}},
		{"three pages", [][]string{{"a"}, {"b"}, {"c"}}, "", []sample{{}, {}, {}, {}}, [][]string{{"a"}, {"b"}, {"c"}, {"a"}}},
		{"an example from another page", [][]string{{"a"}, {"b"}}, "b", []sample{{}, {}}, [][]string{{"a", "b"}, {"b"}}},
		{"more than are examined", [][]string{many}, "", []sample{{}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &stallMonitor{temporal: &pages{runs: c.runs}, open: map[stall]stalledRuns{}}
			if c.example != "" {
				m.open[stall{cause: backlog}] = stalledRuns{example: &commonpb.WorkflowExecution{RunId: c.example}}
			}
			for i, want := range c.want {
				got, err := m.candidates(t.Context())
				require.NoError(t, err)
				require.Equal(t, want.all, got.all, "check %d", i+1)
				if c.ids == nil {
					require.Len(t, got.runs, stallSample)
					continue
				}
				var ids []string
				for _, run := range got.runs {
					ids = append(ids, run.GetRunId())
				}
				require.ElementsMatch(t, c.ids[i], ids, "check %d", i+1)
			}
		})
	}
}

func TestTheFailureOfAWorkflowTaskIsFoundBehindOtherEvents(t *testing.T) {
	const (
		signal    = enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
		failed    = enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED
		timedOut  = enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT
		completed = enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
	)
	var endless [][]enumspb.EventType
	for range failurePages + 1 {
		endless = append(endless, []enumspb.EventType{signal})
	}
	for _, c := range []struct {
		name   string
		events [][]enumspb.EventType // newest first
		want   enumspb.EventType
		read   int
	}{
		{"the newest event", [][]enumspb.EventType{{failed, timedOut}}, failed, 1},
		{"on a later page", [][]enumspb.EventType{{signal, signal}, {signal}, {timedOut, failed}, {failed}}, timedOut, 3},
		{"none since one went well", [][]enumspb.EventType{{signal, completed}, {failed}}, 0, 1},
		{"none", [][]enumspb.EventType{{signal}, {signal}}, 0, 2},
		{"too far back", endless, 0, failurePages},
	} {
		t.Run(c.name, func(t *testing.T) {
			histories := &pages{history: history{events: c.events}}
			m := &stallMonitor{temporal: histories}
			event, err := m.lastFailure(t.Context(), &commonpb.WorkflowExecution{})
			require.NoError(t, err)
			require.Equal(t, c.want, event.GetEventType())
			require.Equal(t, c.read, histories.read)
		})
	}
}

func TestACheckThatFailsIsLoggedOnceAndChangesNothing(t *testing.T) {
	var out bytes.Buffer
	shown := gauge{}
	open := map[stall]stalledRuns{{cause: noWorker}: {example: &commonpb.WorkflowExecution{WorkflowId: "refresh-1"}, runs: 1}}
	m := &stallMonitor{temporal: uncounted{}, namespace: "default", metrics: shown, log: slog.New(slog.NewTextHandler(&out, nil)), open: open, incident: &fleetIncident{incidents: &reported{}}}
	m.check(t.Context())
	m.check(t.Context())
	require.Equal(t, 1, strings.Count(out.String(), "cannot see whether runs stand still"))
	require.NotContains(t, out.String(), "any more")
	require.Len(t, m.open, 1)
}

// A rate would be of the main queue, which has the calls and the stores as well.
func TestTheMainQueueHandsOutEagerActivities(t *testing.T) {
	options := workerOptions(config.Worker{})
	require.Zero(t, options.TaskQueueActivitiesPerSecond)
	require.False(t, options.DisableEagerActivities)
}

func TestHeartbeatsAreSentAsTheyAreRecorded(t *testing.T) {
	const recorded = time.Second // the pause between two
	options := workerOptions(config.Worker{})
	require.Less(t, options.MaxHeartbeatThrottleInterval, recorded)
	require.NotZero(t, options.MaxHeartbeatThrottleInterval)
	require.Less(t, options.DefaultHeartbeatThrottleInterval, recorded)
	require.NotZero(t, options.DefaultHeartbeatThrottleInterval)
}
