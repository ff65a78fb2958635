package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/keyvault"
	worker "tokenkeeper/worker"
	"tokenkeeper/workflows"
)

// signals counts the overdue signals that a run has got, and alerts those that it raised.
func (s *system) signals(run client.WorkflowRun) (signals, alerts int) {
	s.t.Helper()
	events := s.temporal.GetWorkflowHistory(s.t.Context(), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(s.t, err)
		if e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == workflows.Overdue {
			signals++
		}
		if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == "Alert" {
			alerts++
		}
	}
	return signals, alerts
}

func TestARunThatIsOverdueIsToldOnceAndAlerts(t *testing.T) {
	for name, has := range map[string]workflows.Attributes{
		"by its health":                {Searchable: true},
		"by what the worker remembers": {},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			s.work()
			account := s.consent()
			s.Vault.Inject(keyvault.Fault{Kind: keyvault.ReadOnly})
			run, err := s.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: unique("refresh"), TaskQueue: s.TaskQueue()},
				workflows.Type, workflows.Input{Account: account})
			require.NoError(t, err)
			m := worker.NewOverdueMonitor(s.temporal, has, "default", s.TaskQueue(), 0)
			eventually(t, "it is found and told", func() bool {
				m.Check(t.Context())
				signals, _ := s.signals(run)
				return signals > 0
			})
			eventually(t, "it alerts", func() bool { _, alerts := s.signals(run); return alerts > 0 })
			m.Check(t.Context())
			worker.NewOverdueMonitor(s.temporal, workflows.Attributes{}, "default", s.TaskQueue(), time.Hour).Check(t.Context()) // it is not overdue yet
			signals, alerts := s.signals(run)
			require.Equal(t, []int{1, 1}, []int{signals, alerts})

			s.Vault.ClearFaults()
			require.NoError(t, run.Get(t.Context(), nil))
			_, alerts = s.signals(run)
			require.Equal(t, 2, alerts, "it is over")
		})
	}
}
