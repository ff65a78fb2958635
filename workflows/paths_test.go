package workflows_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/workflows"
)

// steps are what the newest recordings must show besides the words of the code:
// where runs fail and are cancelled, and what is done to them from outside.
var steps = []string{
	"LoadSecrets fails for good", "CallFitbit fails for good", "StoreSecrets fails for good", "RecoverGrant fails for good", "ReadGrant fails for good",
	"cancelled at LoadSecrets", "cancelled at CallFitbit", "cancelled at StoreSecrets", "cancelled at RecoverGrant", "cancelled at ReadGrant",
	"alerts LoadStuck", "alerts CallStuck", "alerts StoreStuck", "heals LoadStuck", "heals CallStuck", "heals StoreStuck",
	"alerts ReauthorizationRequired", "heals ReauthorizationRequired",
	"waits", "stops waiting", "signalled", "reset", "retried",
	"waits for its turn", "takes its turn at once", "cancelled in its turn", "follows a success", "follows a failure", "pinned to a version", "without search attributes",
}

const otherRuns = "what a search says of another run; whether the run waits for it is recorded"

// unrecorded are words of the code that no recording has, and why not.
var unrecorded = map[string]string{
	workflows.TimedOut:           "the server ends such a run, and the workflow decides nothing",
	workflows.Cancelled:          "how a closed run is read back; the cancelled paths are recorded by their health",
	workflows.Terminated:         "the server ends such a run, and the workflow decides nothing",
	activities.VaultRefused:      "ends a run at the step where MissingSecret does",
	string(activities.Closed):    otherRuns,
	string(activities.Loading):   otherRuns,
	string(activities.Searching): otherRuns,
	string(activities.Calling):   otherRuns,
	string(activities.Called):    otherRuns,
	string(workflows.KeepFresh):  "means the same as none",
	workflows.Unexplained:        "Temporal itself gives an activity up; ends a run at the step where VaultNotReady does",
}

func TestEveryPathIsRecorded(t *testing.T) {
	newest := sets(t)[len(sets(t))-1]
	seen := map[string]bool{}
	for _, h := range readSet(t, newest) {
		maps.Copy(seen, shows(t, h))
	}
	for _, h := range readIncidents(t) {
		maps.Copy(seen, shows(t, h))
	}
	wanted := append(words(t, "."), words(t, "../activities")...)
	for _, what := range append(steps, wanted...) {
		if unrecorded[what] == "" && !seen[what] {
			t.Errorf("no history in %s/%s shows %q, so nothing would notice a change that breaks it; add a path to chaos/record_*_test.go and record it: make histories", recordings, newest, what)
		}
	}
	for word := range unrecorded {
		require.Contains(t, wanted, word, "it is excused and not in the code")
		require.False(t, seen[word], "%s is excused and recorded", word)
	}
}

// words are the exported string constants of a package: the outcomes, failures,
// alerts and healths that runs can show.
func words(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			found = append(found, constants(t, file)...)
		}
	}
	require.NotEmpty(t, found)
	return found
}

// constants are the exported string constants of a file.
func constants(t *testing.T, file string) (found []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, value := range spec.Values {
			literal, ok := value.(*ast.BasicLit)
			if ok && literal.Kind == token.STRING && spec.Names[i].IsExported() {
				word, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				found = append(found, word)
			}
		}
		return true
	})
	return found
}

// shows tells what can be seen in a history.
func shows(t *testing.T, h *historypb.History) map[string]bool {
	t.Helper()
	s := sight{seen: map[string]bool{"without search attributes": true}, names: map[int64]string{}}
	for _, e := range h.GetEvents() {
		s.started(e)
		s.activity(e)
		s.timer(e)
		s.ended(e)
	}
	return s.seen
}

// sight is what has been seen of a history so far.
type sight struct {
	seen  map[string]bool
	names map[int64]string // of activities, by the event that scheduled them
	paced int64            // the event that scheduled a load over a paced queue; zero for none
	last  string           // the last activity that was scheduled, alerts left aside
}

func (s *sight) add(words ...string) {
	for _, w := range words {
		s.seen[w] = true
	}
}

func (s *sight) started(e *historypb.HistoryEvent) {
	if start := e.GetWorkflowExecutionStartedEventAttributes(); start != nil {
		s.add(start.GetWorkflowType().GetName())
		var in workflows.Input
		_ = converter.GetDefaultDataConverter().FromPayloads(start.GetInput(), &in)
		s.add(string(in.Keep))
		if start.GetLastCompletionResult() != nil {
			s.add("follows a success")
		}
		if start.GetContinuedFailure() != nil {
			s.add("follows a failure")
		}
	}
	if signal := e.GetWorkflowExecutionSignaledEventAttributes(); signal != nil {
		s.add("signalled", signal.GetSignalName())
	}
	if e.GetWorkflowTaskFailedEventAttributes().GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW {
		s.add("reset")
	}
	if e.GetWorkflowTaskCompletedEventAttributes().GetVersioningBehavior() == enumspb.VERSIONING_BEHAVIOR_PINNED {
		s.add("pinned to a version")
	}
	if attributes := e.GetUpsertWorkflowSearchAttributesEventAttributes(); attributes != nil {
		delete(s.seen, "without search attributes")
		health := ""
		_ = converter.GetDefaultDataConverter().FromPayload(attributes.GetSearchAttributes().GetIndexedFields()[workflows.TokenHealth.GetName()], &health)
		s.add(health)
	}
}

func (s *sight) activity(e *historypb.HistoryEvent) {
	if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
		name := a.GetActivityType().GetName()
		s.names[e.GetEventId()] = name
		if strings.HasSuffix(a.GetTaskQueue().GetName(), "-paced") {
			s.add(map[bool]string{true: "waits for its turn", false: "takes its turn at once"}[s.last == "LoadSecrets"])
			s.paced = e.GetEventId()
		}
		if name != "Alert" {
			s.last = name
			return
		}
		var in activities.AlertInput
		_ = converter.GetDefaultDataConverter().FromPayloads(a.GetInput(), &in)
		verb := "alerts "
		if in.Healed {
			verb = "heals "
		}
		s.add(verb+in.Reason, in.Reason)
	}
	if c := e.GetActivityTaskCancelRequestedEventAttributes(); c != nil && c.GetScheduledEventId() == s.paced {
		s.add("cancelled in its turn")
	}
	if e.GetActivityTaskStartedEventAttributes().GetAttempt() > 1 {
		s.add("retried")
	}
	if a := e.GetActivityTaskFailedEventAttributes(); a != nil {
		s.add(s.names[a.GetScheduledEventId()]+" fails for good", a.GetFailure().GetApplicationFailureInfo().GetType())
	}
	if a := e.GetActivityTaskCompletedEventAttributes(); s.names[a.GetScheduledEventId()] == "RecoverGrant" {
		var recovery activities.RecoverResult
		_ = converter.GetDefaultDataConverter().FromPayloads(a.GetResult(), &recovery)
		s.add(recovery.Found)
	}
}

// timer sees what a run waits for itself, not the timer of the alert that it
// is overdue at a further step.
func (s *sight) timer(e *historypb.HistoryEvent) {
	overdue := workflows.OverdueAfter
	if e.GetTimerStartedEventAttributes().GetStartToFireTimeout().AsDuration() != 0 {
		s.names[e.GetEventId()] = e.GetTimerStartedEventAttributes().GetStartToFireTimeout().AsDuration().String()
	}
	if f := e.GetTimerFiredEventAttributes(); f != nil && s.names[f.GetStartedEventId()] != overdue.String() {
		s.add("waits")
	}
	if c := e.GetTimerCanceledEventAttributes(); c != nil && s.names[c.GetStartedEventId()] != overdue.String() {
		s.add("stops waiting")
	}
}

func (s *sight) ended(e *historypb.HistoryEvent) {
	if e.GetWorkflowExecutionCancelRequestedEventAttributes() != nil {
		s.add("cancelled at " + s.last)
	}
	if end := e.GetWorkflowExecutionCompletedEventAttributes(); end != nil {
		var result workflows.Result
		_ = converter.GetDefaultDataConverter().FromPayloads(end.GetResult(), &result)
		s.add(string(result.Outcome))
	}
	if end := e.GetWorkflowExecutionFailedEventAttributes(); end != nil {
		s.add(end.GetFailure().GetApplicationFailureInfo().GetType(), end.GetFailure().GetCause().GetApplicationFailureInfo().GetType())
	}
}
